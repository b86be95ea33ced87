import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { isJsonObject } from '../../../core/primitives/json.js';

/** The visit of a merchant, from the start page to the return from WeChat. It is kept by the browser, in a signed cookie. */
export interface Visit {
  /** A random text that no other visit has. */
  readonly id: string;
  /** The code with which the merchant can authorize the platform. */
  readonly preAuthCode: string;
  /** The end of the code's life, in epoch milliseconds, and with it that of the visit. */
  readonly endsAt: number;
  /** Whether the merchant has come back, so that the code was used. */
  readonly isOver: boolean;
}

const KEY_BYTES = 32;
const ID_BYTES = 18;
const MAX_COOKIE = 4_096;
/** The purpose of the key, so that it is none of the other keys that are derived from the same secret. */
const PURPOSE = 'wechat-token-manager: visits of ';

/** Creates the visit of a new pre-authorization code. */
export function newVisit(preAuthCode: string, endsAt: number): Visit {
  return { id: randomBytes(ID_BYTES).toString('base64url'), preAuthCode, endsAt, isOver: false };
}

/**
 * Signs visits, with a key that is derived from the secret of the platform: every server of a fleet has the same, and none has
 * to be distributed or stored.
 */
export class VisitSigner {
  readonly #key: Buffer;

  constructor(component: string, secret: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', `${PURPOSE}${component}`, KEY_BYTES));
  }

  /** Returns a visit as the value of a cookie. */
  seal(visit: Visit): string {
    const content = Buffer.from(JSON.stringify(visit)).toString('base64url');
    return `${content}.${this.#sign('visit', content)}`;
  }

  /** Returns the visit in the value of a cookie; `undefined` for one that this platform has not signed, or that has ended. */
  open(cookie: string | undefined, now: number): Visit | undefined {
    if (cookie === undefined || cookie.length > MAX_COOKIE) return undefined;
    const [content = '', signature = '', ...more] = cookie.split('.');
    if (more.length > 0 || !isEqual(signature, this.#sign('visit', content))) return undefined;
    const visit = visitIn(content);
    return visit !== undefined && visit.endsAt > now ? visit : undefined;
  }

  /** Returns the state that WeChat sends back with the browser of a visit. */
  stateOf({ id, endsAt }: Visit): string {
    return this.#sign('state', `${id}.${endsAt}`);
  }

  hasState(visit: Visit, state: string): boolean {
    return isEqual(state, this.stateOf(visit));
  }

  #sign(purpose: 'visit' | 'state', text: string): string {
    return createHmac('sha256', this.#key).update(`${purpose}.${text}`).digest('base64url');
  }
}

function visitIn(content: string): Visit | undefined {
  const visit: unknown = JSON.parse(Buffer.from(content, 'base64url').toString());
  return isJsonObject(visit) && typeof visit['endsAt'] === 'number' ? (visit as unknown as Visit) : undefined;
}

function isEqual(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
