import { isJsonObject } from '../../core/primitives/json.js';
import type { TestAccount } from '../accounts/test-pairs.js';
import type { FakeCall } from '../fake/call.js';
import type { CustomMessageCall } from '../fake/custom-message-book.js';
import type { FakeState } from '../fake/endpoint.js';
import type { FakeExchange } from '../fake/platform-book.js';
import { differenceOf } from './judge-answer.js';
import type { Hider } from './shown-text.js';

/** The parts of a trial. */
export interface TrialParts {
  readonly account: TestAccount;
  readonly code: string;
  /** The user who sends the code, and has to get the message. */
  readonly openid: string;
  readonly withinSeconds: number;
  readonly hide: Hider;
}

const EXCHANGE_PATH = '/cgi-bin/component/api_query_auth';

/** Watches what a platform does with one code: whether it exchanges it once, and which message it sends then. */
export class CodeTrial {
  readonly #parts: TrialParts;
  readonly #state: FakeState;
  readonly #calls: readonly FakeCall[];
  /** The number of calls before the trial, and of those that were to send a message. */
  readonly #callsBefore: number;
  readonly #messagesBefore: number;

  constructor(parts: TrialParts, state: FakeState, calls: readonly FakeCall[]) {
    this.#parts = parts;
    this.#state = state;
    this.#calls = calls;
    this.#callsBefore = calls.length;
    this.#messagesBefore = state.customMessages.calls.length;
  }

  /** Returns whether a message has been delivered, so that it can be judged. */
  get isDelivered(): boolean {
    return this.#delivered !== undefined;
  }

  /** Returns what is wrong with the exchange; `undefined` if the code was exchanged once. */
  judgeExchange(): string | undefined {
    const { withinSeconds } = this.#parts;
    const exchanges = this.#exchanges();
    if (exchanges.some(({ refusal }) => refusal === undefined)) {
      const { length } = exchanges;
      return length === 1 ? undefined : `expected the code to be exchanged once, got ${length} calls with it`;
    }
    const expected = `expected api_query_auth to be called with the code within ${withinSeconds} s`;
    // A call that was answered properly was for another code, that of the authorization.
    const refused = this.#calls
      .slice(this.#callsBefore)
      .findLast(
        ({ path, subject, errcode }) =>
          path === EXCHANGE_PATH && subject === this.#parts.account.appid && errcode !== 0,
      );
    if (refused === undefined) return `${expected}, got no such call`;
    const { errcode } = refused;
    return `${expected}, got a call for the account that ${errcode === undefined ? 'was not answered' : `was answered with ${errcode}`}`;
  }

  /** Returns what is wrong with the message; `undefined` if it is the right one. */
  judgeMessage(): string | undefined {
    const { withinSeconds } = this.#parts;
    const delivered = this.#delivered;
    if (delivered !== undefined) {
      const faults = this.#faultsOf(delivered).filter((fault) => fault !== undefined);
      return faults.length === 0 ? undefined : faults.join('; ');
    }
    const expected = `expected the message by custom/send within ${withinSeconds} s`;
    const refused = this.#sent().at(-1);
    return refused === undefined
      ? `${expected}, got none`
      : `${expected}, got a call that was answered with ${refused.errcode}`;
  }

  get #delivered(): CustomMessageCall | undefined {
    return this.#sent().find(({ errcode }) => errcode === 0);
  }

  #exchanges(): readonly FakeExchange[] {
    return this.#state.platforms.exchanges.filter(({ code }) => code === this.#parts.code);
  }

  /** Returns the calls that were meant to send the message, even if the account, the user or the text is wrong. */
  #sent(): readonly CustomMessageCall[] {
    const { account, code, openid } = this.#parts;
    const calls = this.#state.customMessages.calls.slice(this.#messagesBefore);
    return calls.filter(
      (call) => call.appid === account.appid || call.openid === openid || textOf(call)?.includes(code) === true,
    );
  }

  #faultsOf(call: CustomMessageCall): readonly (string | undefined)[] {
    const { code, openid, hide } = this.#parts;
    const { msgtype: type } = call.body;
    return [
      this.#tokenFault(call),
      differenceOf('touser', call.openid, openid, hide),
      differenceOf('msgtype', type, 'text', hide),
      type === 'text' ? differenceOf('the text', textOf(call), `${code}_from_api`, hide) : undefined,
    ];
  }

  #tokenFault({ token, appid }: CustomMessageCall): string | undefined {
    const { account } = this.#parts;
    const exchanged = this.#exchanges().find(({ refusal }) => refusal === undefined);
    if (exchanged?.token === token) return undefined;
    const got = appid === account.appid ? `another token of ${account.appid}` : `a token of ${appid}`;
    return `expected the token that was exchanged for the code, got ${got}`;
  }
}

function textOf({ body: { text } }: CustomMessageCall): string | undefined {
  const content = isJsonObject(text) ? text['content'] : undefined;
  return typeof content === 'string' ? content : undefined;
}
