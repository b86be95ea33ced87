import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/concurrency/clock.js';
import { describeName } from '../../core/primitives/redact.js';
import type { TestAccount, TestPair } from '../accounts/test-pairs.js';
import type { FakeState } from '../fake/endpoint.js';
import type { FakeService } from '../fake/service.js';
import type { FakePushFields } from '../pushes/push-fields.js';
import type { PushTarget } from '../pushes/push-settings.js';
import type { FakePushes, PushAttempt } from '../pushes/pushes.js';
import { CodeTrial } from './code-trial.js';
import { isTaken, judgeEcho, judgeEmpty, judgeReply, judgeSuccess } from './judge-answer.js';
import { type FakeReleaseCheckOptions, type ReleasePlan, releasePlan } from './release-options.js';
import type { FakeReleaseReport, FakeReleaseStep, FakeReleaseStepName } from './release-report.js';
import { settled } from './settled.js';

/** The parts of a fake that a release check uses. */
export interface ReleaseCheckParts {
  readonly clock: Clock;
  readonly state: FakeState;
  readonly service: FakeService;
  readonly pushes: FakePushes;
}

/** A step whose judgement may still change. */
interface PlayedStep {
  readonly step: FakeReleaseStepName;
  readonly account: string;
  judge(): string | undefined;
}

const TEXT = 'TESTCOMPONENT_MSG_TYPE_TEXT';
const EVENT = { MsgType: 'event', Event: 'LOCATION', Latitude: 23.137466, Longitude: 113.352425, Precision: 119.385 };
const NOT_TAKEN = 'was not checked, since the text with the code was not answered with status 200';

/** Plays WeChat's release check against the server of a platform. */
export class ReleaseCheck {
  readonly #parts: ReleaseCheckParts;
  readonly #component: string;
  readonly #target: PushTarget;
  readonly #plan: ReleasePlan;
  readonly #steps: PlayedStep[] = [];

  /** @throws TypeError if the platform or its settings are missing, or an option is wrong. */
  constructor(parts: ReleaseCheckParts, component: string, options: FakeReleaseCheckOptions) {
    this.#parts = parts;
    this.#component = component;
    this.#target = checkedTarget(parts, component);
    this.#plan = releasePlan(options, () => parts.clock.random());
  }

  /**
   * Plays all steps, those that follow a step that failed as well.
   *
   * @throws Error if the fake is closed meanwhile.
   */
  async run(): Promise<FakeReleaseReport> {
    for (const pair of this.#plan.pairs) await this.#playPair(pair);
    // A code that is exchanged a second time, late, still counts.
    const steps = this.#steps.map(({ step, account, judge }): FakeReleaseStep => {
      const reason = judge();
      return { step, account, passed: reason === undefined, reason };
    });
    return { passed: steps.every(({ passed }) => passed), steps };
  }

  async #playPair({ officialAccount, miniProgram }: TestPair): Promise<void> {
    const { optionalSteps } = this.#plan;
    if (optionalSteps.has('url')) await this.#playUrl();
    await this.#playTicket();
    for (const account of [officialAccount, miniProgram]) await this.#playAuthorization(account);
    if (optionalSteps.has('event')) {
      await this.#playReply('event', officialAccount, EVENT, `${EVENT.Event}from_callback`);
    }
    await this.#playText(officialAccount);
    await this.#playCode(officialAccount);
    if (optionalSteps.has('mini-program-text')) await this.#playText(miniProgram);
    await this.#playCode(miniProgram);
  }

  async #playUrl(): Promise<void> {
    const reason = judgeEcho(await this.#parts.pushes.attemptCheck(this.#component));
    this.#note('url', this.#component, () => reason);
  }

  async #playTicket(): Promise<void> {
    const reason = judgeSuccess(await this.#push({ InfoType: 'component_verify_ticket' }));
    this.#note('ticket', this.#component, () => reason);
  }

  async #playAuthorization({ appid }: TestAccount): Promise<void> {
    const reason = judgeSuccess(await this.#push({ InfoType: 'authorized', AuthorizerAppid: appid }));
    this.#note('authorized', appid, () => reason);
  }

  async #playText(account: TestAccount): Promise<void> {
    await this.#playReply('text', account, { MsgType: 'text', Content: TEXT }, `${TEXT}_callback`);
  }

  async #playReply(
    step: FakeReleaseStepName,
    account: TestAccount,
    content: FakePushFields,
    expected: string,
  ): Promise<void> {
    const attempt = await this.#push({ ...content, ...addresses(account) }, account);
    const reason = judgeReply(attempt, expected, (text) => this.#hidden(text));
    this.#note(step, account.appid, () => reason);
  }

  async #playCode(account: TestAccount): Promise<void> {
    const { clock, state, service } = this.#parts;
    const { messageWithinSeconds: withinSeconds } = this.#plan;
    const { appid } = account;
    const code = state.platforms.anotherCode(this.#component, appid);
    const users = addresses(account);
    const hide = (text: string): string => this.#hidden(text.replaceAll(code, '<code>'));
    const parts = { account, code, openid: users.FromUserName, withinSeconds, hide };
    const trial = new CodeTrial(parts, state, service.calls);
    const attempt = await this.#push({ MsgType: 'text', Content: `QUERY_AUTH_CODE:${code}`, ...users }, account);
    const reason = judgeEmpty(attempt);
    this.#note('code', appid, () => reason);
    const isPlayed = isTaken(attempt) || trial.isDelivered;
    if (isPlayed) {
      await settled({
        clock,
        withinMs: withinSeconds * 1_000,
        signal: service.closing,
        onChange: (listener) => service.onAnswered(listener),
        isReady: () => trial.isDelivered,
      });
    }
    const message = isPlayed ? trial.judgeMessage() : NOT_TAKEN;
    this.#note('exchange', appid, () => (isPlayed ? trial.judgeExchange() : NOT_TAKEN));
    this.#note('message', appid, () => message);
  }

  #push(content: FakePushFields, account?: TestAccount): Promise<PushAttempt> {
    return this.#parts.pushes.attempt(this.#component, content, account?.appid);
  }

  #hidden(text: string): string {
    return this.#target.token.withoutToken(text);
  }

  #note(step: FakeReleaseStepName, account: string, judge: () => string | undefined): void {
    this.#steps.push({ step, account, judge });
  }
}

/** Returns the addresses of a message from a user who writes for the first time. */
function addresses({ userName }: TestAccount): { readonly ToUserName: string; readonly FromUserName: string } {
  return { ToUserName: userName, FromUserName: `oReleaseCheck-${randomBytes(7).toString('hex')}` };
}

function checkedTarget({ pushes, state }: ReleaseCheckParts, component: string): PushTarget {
  const target = pushes.targetOf(component);
  if (target === undefined) {
    throw new TypeError(`setPush has to be called for ${describeName(component)} before a release check`);
  }
  if (state.findApp(component) === undefined) throw new TypeError(`the fake has no app ${describeName(component)}`);
  if (target.cipher === undefined) throw new TypeError('a release check requires encodingAesKey in setPush');
  if (target.authorizerUrl === undefined) throw new TypeError('a release check requires authorizerUrl in setPush');
  if (target.format !== 'xml') throw new TypeError("a release check requires the format 'xml' in setPush");
  return target;
}
