import type { Api, ApiKeyUse } from '../server/api.js';
import { instant, inWords } from '../words/durations.js';
import type { Words } from '../words/language.js';
import { byId, element, setText } from './elements.js';

export interface KeysView {
  /** Reads the keys again if the list is open. */
  poll(): Promise<void>;
  /** Discards the keys that were read with another key. */
  forget(): void;
  draw(now: number, words: Words, isHidden: boolean): void;
}

/** Shows the API keys and when each was used. They are read only while the list is open. */
export function keysView(api: Api, onRead: () => void): KeysView {
  const details = byId('keys', HTMLDetailsElement);
  const list = byId('keys-list', HTMLUListElement);
  const remark = byId('keys-remark', HTMLElement);
  let keys: readonly ApiKeyUse[] | undefined;
  let drawn = '';
  let readings = 0;

  async function poll(): Promise<void> {
    if (!details.open) return;
    readings += 1;
    const reading = readings;
    const answer = await api.keys();
    // An answer to an earlier request is discarded, since it may have been sent with another key.
    if (reading !== readings || !('value' in answer)) return;
    keys = answer.value;
    onRead();
  }

  details.addEventListener('toggle', () => void poll());

  return {
    poll,
    forget() {
      readings += 1;
      keys = undefined;
      details.open = false;
    },
    draw(now, words, isHidden) {
      details.hidden = isHidden;
      const lines = keys?.map((key) => lineOf(key, now, words)) ?? [];
      const next = JSON.stringify(lines);
      if (next !== drawn) list.replaceChildren(...lines.map((line) => element('li', '', line)));
      drawn = next;
      setText(remark, keys?.length === 0 ? words.say('noKeys') : '');
    },
  };
}

function lineOf(key: ApiKeyUse, now: number, words: Words): string {
  const { id, note, scopes, createdAt, expiresAt, lastUsedAt } = key;
  const { say } = words;
  const at = (when: number): { readonly instant: string } => ({ instant: instant(when, now, words) });
  const facts = [
    note === undefined ? id : `${note} (${id})`,
    scopes.join(', '),
    createdAt === undefined ? '' : say('keyMade', at(createdAt)),
    expiresAt === undefined ? '' : say(expiresAt <= now ? 'keyExpired' : 'keyExpires', at(expiresAt)),
    lastUsedAt === undefined ? say('keyUnused') : say('keyUsed', { ago: inWords(now - lastUsedAt, words) }),
  ];
  return facts.filter((fact) => fact !== '').join(' · ');
}
