// #region events
import type { TokenManager } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';

/** Keeps a note of a company whose fast registration has failed. Two calls for one failure have the same id. */
type NoteFailure = (id: string, company: string, status: number) => Promise<void>;

export function receiveEvents(tokens: TokenManager, noteFailure: NoteFailure): PushReceiver {
  return createPushReceiver(tokens, {
    async onEvent({ id, infoType, content }) {
      if (infoType !== 'notify_third_fasteregister') return; // what returns is answered with "success"
      const [info] = content.children.get('info') ?? [];
      await noteFailure(id, info?.textOf('name') ?? '', Number(content.textOf('status')));
    },
  });
}
// #endregion
