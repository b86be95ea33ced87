import type { Answer, Authorizer, AuthorizerPage, PushedApp } from '../server/api.js';
import { instant } from '../words/durations.js';
import type { TextName, Words } from '../words/language.js';
import { element, setAttribute, setText } from './elements.js';
import { lastPush } from './pushes-view.js';

export interface PlatformSectionParts {
  readonly appid: string;
  /** The URL under which merchants reach the page where an account can authorize again; `undefined` if there is none. */
  readonly publicUrl: string | undefined;
  read(after: string | undefined): Promise<Answer<AuthorizerPage>>;
  onRead(): void;
}

/** The accounts that have authorized one platform. */
export interface PlatformSection {
  readonly element: HTMLElement;
  /** Discards what was read, and reads the first page. */
  readAnew(): Promise<void>;
  /** @param app - what is known of the pushes to the platform; `undefined` if WeChat does not push to it. */
  draw(now: number, words: Words, app: PushedApp | undefined): void;
}

const STATES: Readonly<Record<Authorizer['state'], TextName>> = {
  authorized: 'authorizedSince',
  unauthorized: 'authorizationEnded',
  needsAuthorization: 'authorizationLost',
};
/** The kinds of accounts that WeChat lets authorize, by the number that its start page expects. */
const AUTH_TYPES = { officialAccount: '1', miniProgram: '2', any: '3' } as const;

/** Shows the accounts that have authorized one platform, a page of them at a time. */
export function platformSection({ appid, publicUrl, read, onRead }: PlatformSectionParts): PlatformSection {
  const pushed = element('p', 'pushed');
  const list = element('ul', '');
  const remark = element('p', 'remark');
  const more = element('button', 'plain more');
  more.type = 'button';
  more.hidden = true;
  let found: readonly Authorizer[] | undefined;
  let after: string | undefined;
  let failure: string | undefined;
  let readings = 0;
  let drawn = '';

  async function readPage(from: string | undefined): Promise<void> {
    readings += 1;
    const reading = readings;
    const answer = await read(from);
    if (reading !== readings) return;
    failure = 'failure' in answer ? answer.failure.detail : undefined;
    if ('value' in answer) {
      found = [...(from === undefined ? [] : (found ?? [])), ...answer.value.authorizers];
      after = answer.value.after;
    }
    onRead();
  }

  more.addEventListener('click', () => void readPage(after));

  function lineOf(authorizer: Authorizer, now: number, words: Words): HTMLElement {
    const { say } = words;
    const account = accountOf(authorizer);
    const { kind, permissions = [] } = authorizer;
    const facts = [
      account,
      kind === undefined ? '' : say(kind),
      say(STATES[authorizer.state], { instant: instant(authorizer.since, now, words) }),
      permissions.length === 0 ? '' : say('permissionSets', { ids: permissions.join(', ') }),
    ];
    const text = facts.filter((fact) => fact !== '').join(' · ');
    if (publicUrl === undefined) return element('li', '', text);
    return element('li', '', `${text} · `, againLink(publicUrl, authorizer, words));
  }

  function againLink(url: string, authorizer: Authorizer, { say }: Words): HTMLElement {
    const link = element('a', '', say('authorizeAgain'));
    const query = new URLSearchParams({ auth_type: AUTH_TYPES[authorizer.kind ?? 'any'], biz_appid: authorizer.appid });
    link.href = `${url}/platform/${encodeURIComponent(appid)}/authorize?${query}`;
    link.target = '_blank';
    link.rel = 'noopener';
    setAttribute(link, 'aria-label', say('authorizeAgainName', { account: accountOf(authorizer) }));
    return link;
  }

  return {
    element: element('section', 'platform', element('h3', '', appid), pushed, list, remark, more),
    async readAnew() {
      found = undefined;
      after = undefined;
      await readPage(undefined);
    },
    draw(now, words, app) {
      const { say } = words;
      setText(pushed, app?.push === undefined ? '' : lastPush(app.push, now, words));
      const next = JSON.stringify([words.language, found]);
      if (next !== drawn) list.replaceChildren(...(found ?? []).map((one) => lineOf(one, now, words)));
      drawn = next;
      const isEmpty = failure === undefined && found?.length === 0;
      setText(
        remark,
        isEmpty ? say('noAuthorizers') : failure === undefined ? '' : say('authorizersUnread', { detail: failure }),
      );
      setText(more, say('moreAuthorizers'));
      more.hidden = after === undefined;
    },
  };
}

function accountOf({ appid, name }: Authorizer): string {
  return name ? `${name} (${appid})` : appid;
}
