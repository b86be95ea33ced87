import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { Log, paint, seconds, table } from '../demo/log.js';
import { FleetMember } from './fleet-member.js';
import { APPIDS, type FromMember, type Reading, secretOf } from './fleet-messages.js';
import { FleetTally } from './fleet-tally.js';
import type { Place } from './place.js';

const LIFE_SECONDS = 10;
const KILL_AFTER_MS = 8_000;
const END_AFTER_MS = 20_000;
/** The largest difference between two readings of one clock. */
const NOISE_MS = 250;
/**
 * The time without due refreshes before a process is killed. A process that dies with a lease blocks its key for 20 s,
 * which is negligible for tokens of two hours, but not for these.
 */
const QUIET_MS = 100;
const WAIT_FOR_QUIET_MS = 6_000;
const REFRESHERS = ['A', 'B', 'C', 'D'];
const FOLLOWER = 'E';

/** Runs the demo: the fake WeChat, a fleet of four processes, one of which is killed, and a follower; and reports the result. */
export class FleetDemo {
  readonly #place: Place;
  readonly #name: string;
  readonly #log = new Log();
  readonly #tally = new FleetTally();
  readonly #members = new Map<string, FleetMember>();
  readonly #dueAt = new Map<string, number>();
  #wechat: FakeWeChat | undefined;
  #judgedAt: number | undefined;
  #stopping: Promise<void> | undefined;

  /** @param name - the prefix or the table of the fleet. */
  constructor(place: Place, name: string) {
    this.#place = place;
    this.#name = name;
  }

  /**
   * Runs the whole demo.
   *
   * @returns whether everything went as expected.
   */
  async run(): Promise<boolean> {
    this.#log.line('store', this.#place.description);
    const wechat = await this.#startWeChat();
    await Promise.all(REFRESHERS.map((name) => this.#startMember(name, wechat)));
    const startedAt = this.#log.elapsedMs();
    const started = `${REFRESHERS.length} processes serve ${APPIDS.length} keys, after ${wechat.countCalls()} upstream calls`;
    this.#log.line('fleet', started, 'green');
    await this.#startMember(FOLLOWER, wechat);
    this.#log.line(`process ${FOLLOWER}`, 'has every token, and never asks WeChat', 'green');
    await sleep(startedAt + KILL_AFTER_MS - this.#log.elapsedMs());
    await this.#kill('C');
    await sleep(startedAt + END_AFTER_MS - this.#log.elapsedMs());
    await Promise.all([...this.#members.values()].map((member) => member.close()));
    const isGood = this.#report(wechat);
    await this.stop();
    return isGood;
  }

  /** Ends all processes and removes what the demo has created. May be called at any time, and more than once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.close()));
    await this.#wechat?.close();
    await this.#place.clean();
  }

  async #startWeChat(): Promise<FakeWeChat> {
    // A token is judged by the time when it was handed out, not by the time when the reading arrives here.
    const clock: Clock = { ...systemClock, now: () => this.#judgedAt ?? Date.now() };
    const apps = Object.fromEntries(APPIDS.map((appid) => [appid, { secret: secretOf(appid) }]));
    this.#wechat = await FakeWeChat.start({ apps, clock, lifeSeconds: LIFE_SECONDS });
    this.#log.line('WeChat', `a fake one, at ${this.#wechat.origin}; its tokens live ${LIFE_SECONDS} s`);
    return this.#wechat;
  }

  async #startMember(name: string, wechat: FakeWeChat): Promise<void> {
    if (this.#stopping !== undefined) throw new Error('it has been stopped');
    const input = {
      origin: wechat.origin,
      url: this.#place.url,
      name: this.#name,
      follows: name === FOLLOWER,
    };
    const member = new FleetMember(name, input, (message) => this.#hear(name, message, wechat));
    this.#members.set(name, member);
    await member.ready;
  }

  async #kill(name: string): Promise<void> {
    const giveUpAt = Date.now() + WAIT_FOR_QUIET_MS;
    const isBusy = (): boolean => [...this.#dueAt.values()].some((at) => at < Date.now() + QUIET_MS);
    while (isBusy() && Date.now() < giveUpAt) await sleep(5);
    await this.#members.get(name)?.kill();
    this.#log.line(`process ${name}`, 'is killed (SIGKILL); the others go on with its share', 'cyan');
  }

  #hear(name: string, message: FromMember, wechat: FakeWeChat): void {
    if (message.kind === 'ready') {
      this.#tally.ready(name);
    } else if (message.kind === 'read') {
      for (const reading of message.readings) this.#judge(name, reading, wechat);
    } else if (message.kind === 'failed') {
      this.#log.line(`process ${name}`, `${message.appid}  not refreshed: ${message.message}`, 'red', message.at);
    } else if (message.kind === 'refreshed') {
      this.#tally.refreshed(name, message);
      if (message.source !== 'upstream') return;
      const { at, appid, expiresAt, dueAt } = message;
      const how = paint(this.#dueAt.has(appid) ? 'refreshed ahead' : 'fetched', 'yellow');
      this.#dueAt.set(appid, dueAt);
      const life = `ends in ${seconds(expiresAt - at)} s, due in ${seconds(dueAt - at)} s`;
      this.#log.line(`process ${name}`, `${appid}  ${how}; ${life}`, undefined, at);
    }
  }

  #judge(name: string, { appid, at, waitedMs, value, error }: Reading, wechat: FakeWeChat): void {
    this.#judgedAt = at;
    const isGood = value !== undefined && wechat.isValid(value);
    this.#judgedAt = undefined;
    const what = `${appid}  BAD: ${error ?? 'a token that is not valid'}`;
    if (!isGood) this.#log.line(`process ${name}`, what, 'red', at);
    this.#tally.read(name, waitedMs, isGood);
  }

  #report(wechat: FakeWeChat): boolean {
    const rows = [...this.#members.keys()].map((name) => {
      const { gets, bad, refreshes, slowestMs } = this.#tally.of(name);
      return [`process ${name}`, ...[gets, bad, refreshes, Math.round(slowestMs)].map(String)];
    });
    console.log(`\n${table(['', 'gets', 'bad', 'refreshes', 'slowest get (ms)'], rows)}\n`);
    const { median, worst } = this.#tally.spreadMs();
    console.log(`A new token was with all the others after ${median} ms (median), ${worst} ms (worst).`);
    const problems = this.#problems(wechat);
    for (const problem of problems) console.log(paint(problem, 'red'));
    const calls = wechat.countCalls();
    const good = `No token was bad, and none was fetched twice: ${calls} upstream calls for ${APPIDS.length} keys.`;
    if (problems.length === 0) console.log(paint(good, 'green'));
    return problems.length === 0;
  }

  #problems(wechat: FakeWeChat): string[] {
    const problems: string[] = [];
    if (this.#tally.of(FOLLOWER).refreshes > 0) problems.push('The follower has asked WeChat.');
    for (const [name] of this.#members) {
      const { gets, bad } = this.#tally.of(name);
      if (bad > 0) problems.push(`Process ${name} had ${bad} bad answers of ${gets}.`);
    }
    for (const appid of APPIDS) {
      const calls = wechat.calls.filter((call) => call.appid === appid);
      const dues = this.#tally.dueTimesOf(appid);
      if (calls.length < 3) problems.push(`${appid} took only ${calls.length} upstream calls.`);
      if (calls.length > dues.length) problems.push(`${appid} took ${calls.length} calls for ${dues.length} tokens.`);
      const early = calls.slice(1).filter(({ at }, index) => at < (dues[index] ?? 0) - NOISE_MS);
      if (early.length > 0) problems.push(`${appid} was fetched before it was due.`);
    }
    return problems;
  }
}
