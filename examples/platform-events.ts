// #region events
import type { TokenManager } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';

/** Keeps a note of a company whose fast registration has failed. It may be called twice for one failure. */
type NoteFailure = (company: string, status: number) => Promise<void>;

export function receiveEvents(tokens: TokenManager, noteFailure: NoteFailure): PushReceiver {
  return createPushReceiver(tokens, {
    async onEvent({ infoType, content }) {
      if (infoType !== 'notify_third_fasteregister') return; // what returns is answered with "success"
      const [info] = content.children.get('info') ?? [];
      await noteFailure(info?.textOf('name') ?? '', Number(content.textOf('status')));
    },
  });
}
// #endregion
