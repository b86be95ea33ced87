import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from 'wechat-token-manager';
import { type FakeCall, FakeWeChat } from 'wechat-token-manager/testing';
import { Log, paint, seconds, table } from './log.js';
import { ManagedProcess } from './managed-process.js';
import { DEMO_APPS, DEMO_KEYS, type DemoKey, type FromManager, keyName } from './messages.js';
import { Readings } from './readings.js';

const LIFE_SECONDS = 20;
const OUTAGE_MS = 5_000;
const RESTART_AFTER_MS = 30_000;
const END_AFTER_MS = 55_000;
/** The time without due refreshes in which a process can start, so that no refresh of the other one falls into a restart. */
const QUIET_MS = 1_500;
const WAIT_FOR_QUIET_MS = 12_000;

/**
 * Runs the demo: a fake WeChat, two manager processes on one store, an outage, a restart, and a report on what the
 * readers observed.
 */
export class Demo {
  readonly #log = new Log();
  readonly #readings = new Readings();
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #resuming = new Set<string>();
  readonly #firstCallAt = new Map<string, number>();
  readonly #fetchedOnce = new Set<string>();
  #wechat: FakeWeChat | undefined;
  #directory: string | undefined;
  #judgedAt: number | undefined;
  #restartCalls = 0;
  #hadOutage = false;
  #stopping: Promise<void> | undefined;

  /**
   * Runs the whole demo.
   *
   * @returns whether everything went as expected.
   */
  async run(): Promise<boolean> {
    const wechat = await this.#startWeChat();
    this.#directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
    this.#scriptOutage(wechat);
    await Promise.all(['A', 'B'].map((name) => this.#startProcess(name, wechat, this.#directory as string)));
    await sleep(RESTART_AFTER_MS - this.#log.elapsedMs());
    await this.#restart('B', wechat, this.#directory);
    await sleep(END_AFTER_MS - this.#log.elapsedMs());
    await Promise.all([...this.#processes.values()].map((process) => process.close()));
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
    await Promise.all([...this.#processes.values()].map((process) => process.close()));
    await this.#wechat?.close();
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true });
  }

  async #startWeChat(): Promise<FakeWeChat> {
    // A token is judged by the time when it was handed out, not by the time when the reading arrives here.
    const clock: Clock = { ...systemClock, now: () => this.#judgedAt ?? Date.now() };
    const apps = Object.fromEntries(DEMO_APPS.map(({ appid, secret }) => [appid, { secret }]));
    this.#wechat = await FakeWeChat.start({ apps, clock, lifeSeconds: LIFE_SECONDS });
    this.#log.line('WeChat', `a fake one, at ${this.#wechat.origin}; its tokens and tickets live ${LIFE_SECONDS} s`);
    return this.#wechat;
  }

  /** Scripts the outage for the first scheduled refresh, which is the second call for a key, well after the first. */
  #scriptOutage(wechat: FakeWeChat): void {
    const isDueRefresh = (call: FakeCall): boolean => {
      const key = `${call.appid} ${call.tokenType}`;
      const firstAt = this.#firstCallAt.get(key) ?? call.at;
      this.#firstCallAt.set(key, firstAt);
      if (call.at - firstAt < 3_000) return false;
      void this.#outage(wechat);
      return true;
    };
    wechat.fail(isDueRefresh, 'reset', { times: 1 });
  }

  async #outage(wechat: FakeWeChat): Promise<void> {
    const before = this.#readings.total();
    wechat.outage(true);
    this.#hadOutage = true;
    this.#log.line(
      'WeChat',
      `outage begins with the first refresh that is due; it lasts ${seconds(OUTAGE_MS)} s`,
      'red',
    );
    await sleep(OUTAGE_MS);
    wechat.outage(false);
    const after = this.#readings.total();
    const bad = after.bad - before.bad;
    this.#log.line(
      'WeChat',
      `outage ends; served meanwhile: ${after.gets - before.gets} gets, ${bad} of them bad`,
      'green',
    );
  }

  async #startProcess(name: string, wechat: FakeWeChat, directory: string): Promise<void> {
    if (this.#stopping !== undefined) throw new Error('it has been stopped');
    const hear = (message: FromManager): void => this.#hear(name, message, wechat);
    const started = new ManagedProcess(name, { origin: wechat.origin, directory }, hear);
    this.#processes.set(name, started);
    await started.next('ready');
  }

  async #restart(name: string, wechat: FakeWeChat, directory: string): Promise<void> {
    const old = this.#processes.get(name) as ManagedProcess;
    await this.#quiet(old);
    const before = wechat.countCalls();
    this.#log.line(`process ${name}`, 'is closed and started again', 'cyan');
    await old.close();
    this.#resuming.add(name);
    await this.#startProcess(name, wechat, directory);
    this.#resuming.delete(name);
    this.#restartCalls = wechat.countCalls() - before;
    const colour = this.#restartCalls === 0 ? 'green' : 'red';
    this.#log.line(`process ${name}`, `serves every token again, after ${this.#restartCalls} upstream calls`, colour);
  }

  /** Waits for a time in which nothing is due, as long as one can still come. */
  async #quiet(process: ManagedProcess): Promise<void> {
    const giveUpAt = Date.now() + WAIT_FOR_QUIET_MS;
    while (Date.now() < giveUpAt) {
      const answer = process.next('nextDue');
      process.tell({ kind: 'nextDue' });
      if ((await answer).at - Date.now() > QUIET_MS) return;
      await sleep(100);
    }
  }

  #hear(name: string, message: FromManager, wechat: FakeWeChat): void {
    if (message.kind === 'read') this.#judge(name, message, wechat);
    if (message.kind === 'refreshed') this.#logRefreshed(name, message);
    if (message.kind === 'refreshFailed') this.#logFailed(name, message);
  }

  #judge(name: string, read: Extract<FromManager, { kind: 'read' }>, wechat: FakeWeChat): void {
    const { key, at, waitedMs, value, error } = read;
    this.#judgedAt = at;
    const isGood = value !== undefined && wechat.isValid(value);
    this.#judgedAt = undefined;
    if (!isGood)
      this.#log.line(`process ${name}`, `${pad(key)} BAD: ${error ?? 'a token that is not valid'}`, 'red', at);
    this.#readings.add(name, key, { at, waitedMs, isGood });
  }

  #logRefreshed(name: string, event: Extract<FromManager, { kind: 'refreshed' }>): void {
    const { at, key, source, reason, expiresAt, dueAt } = event;
    const life = `ends in ${seconds(expiresAt - at)} s, due in ${seconds(dueAt - at)} s`;
    const isAhead = reason === 'due' && this.#fetchedOnce.has(keyName(key));
    const elsewhere = this.#resuming.has(name) ? 'found in the store' : 'adopted from the other process';
    const how = source === 'upstream' ? paint(isAhead ? 'refreshed ahead' : 'fetched', 'yellow') : elsewhere;
    this.#fetchedOnce.add(keyName(key));
    this.#log.line(`process ${name}`, `${pad(key)} ${how}; ${life}`, undefined, at);
  }

  #logFailed(name: string, event: Extract<FromManager, { kind: 'refreshFailed' }>): void {
    const { at, key, message, retryAt, expiresAt } = event;
    const old =
      expiresAt === undefined ? 'there is no token' : `the old one serves for another ${seconds(expiresAt - at)} s`;
    const what = `${pad(key)} not refreshed (${message}); ${old}, next attempt in ${seconds(retryAt - at)} s`;
    this.#log.line(`process ${name}`, what, 'red', at);
  }

  #report(wechat: FakeWeChat): boolean {
    const rows = DEMO_KEYS.map((key) => {
      const { gets, slowestMs, longestInvalidMs } = this.#readings.of(key);
      return [keyName(key), gets, callsFor(wechat, key), longestInvalidMs, Math.round(slowestMs)].map(String);
    });
    const header = ['key', 'gets', 'upstream calls', 'longest invalid stretch (ms)', 'slowest get (ms)'];
    console.log(`\n${table(header, rows)}\n`);
    const problems = this.#problems(wechat);
    for (const problem of problems) console.log(paint(problem, 'red'));
    if (problems.length === 0) console.log(paint('Every get of both processes answered with a valid token.', 'green'));
    return problems.length === 0;
  }

  #problems(wechat: FakeWeChat): string[] {
    const problems: string[] = [];
    if (!this.#hadOutage) problems.push('There was no outage: nothing was refreshed.');
    if (this.#restartCalls > 0) problems.push(`The restart took ${this.#restartCalls} upstream calls.`);
    for (const key of DEMO_KEYS) {
      const { gets, longestInvalidMs } = this.#readings.of(key);
      const calls = callsFor(wechat, key);
      if (longestInvalidMs > 0) problems.push(`${keyName(key)} was without a valid token for ${longestInvalidMs} ms.`);
      if (gets < 500) problems.push(`${keyName(key)} was asked for only ${gets} times.`);
      // A life of 20 s results in 3 to 9 cycles, and an outage of 5 s in a few attempts. A ticket may be asked for more
      // often, because WeChat repeats it for a while after it is due.
      const most = key.type === 'access_token' ? 30 : 60;
      if (calls < 3 || calls > most) problems.push(`${keyName(key)} took ${calls} upstream calls.`);
    }
    return problems;
  }
}

function callsFor(wechat: FakeWeChat, { appid, type }: DemoKey): number {
  return wechat.countCalls((call) => call.appid === appid && call.tokenType === type);
}

function pad(key: DemoKey): string {
  return keyName(key).padEnd(22);
}
