import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { type ExpectStatic, test } from 'vitest';
import { FileStore, type StoredDocument } from '../../src/index.js';
import { type FakeCall, type FakeFault, type FakePushFields, FakeWeChat } from '../../src/testing/index.js';
import { type Moment, PushVictim } from './push-victim.js';

const COMPONENT = 'wx00000000000000c0';
const TYPE = 'authorizer_access_token';
const EXCHANGE = '/cgi-bin/component/api_query_auth';
const PUSH = { token: 'token-of-pushes', encodingAesKey: 'k'.repeat(43) };
const REGISTRATION = { appid: COMPONENT, secret: 'secret', push: PUSH };
const LIVES = Number(process.env.KILL_LIVES ?? 15);
const LONGEST_LIFE_MS = 300;
/** How often the moments of the merchants of one life come. */
const MOST_TIMES = 2;
const LOOK_EVERY_MS = 20;
/** The time within which everything is done that is owed, even on the slowest machine. */
const DONE_WITHIN_MS = 60_000;

/** A death: at a moment that the process knows, when WeChat has its request, or some time after the first push. */
type Death = string | { readonly fault: FakeFault } | 'random';

const DEATHS: readonly (readonly [name: string, deaths: readonly Death[]])[] = [
  [
    'between a push and its answer',
    ['before owed', 'after owed', 'before key component_verify_ticket', 'after key component_verify_ticket'],
  ],
  ['before the exchange', ['lease of owed', { fault: 'hang' }]],
  ['during the exchange', [{ fault: { delayMs: 600_000 } }, { fault: 'lost' }]],
  [
    'after the exchange',
    [
      `before key ${TYPE}`,
      `after key ${TYPE}`,
      `before task ${TYPE}`,
      `after task ${TYPE}`,
      'before authorization',
      'after authorization',
      'before removal of owed',
      'after removal of owed',
      `before removal of task ${TYPE}`,
      `after removal of key ${TYPE}`,
    ],
  ],
  ['at a random moment', ['random']],
];

/** What WeChat has pushed last about a merchant. */
interface LastPush {
  readonly infoType: string;
  isAnswered: boolean;
}

/** Runs one life of a server after the other on a directory, each of which ends with its death. */
class Lives implements AsyncDisposable {
  readonly #wechat: FakeWeChat;
  readonly #directory: string;
  readonly #random: () => number;
  readonly #expect: ExpectStatic;
  /** The tickets in the order in which they were pushed, with whether the push was answered. */
  readonly #tickets: { readonly value: unknown; isAnswered: boolean }[] = [];
  readonly #merchants = new Map<string, LastPush>();
  #victim: PushVictim | undefined;

  private constructor(wechat: FakeWeChat, directory: string, seed: number, expect: ExpectStatic) {
    this.#wechat = wechat;
    this.#directory = directory;
    this.#random = randomOf(seed);
    this.#expect = expect;
  }

  static async begin(seed: number, expect: ExpectStatic): Promise<Lives> {
    return new Lives(await FakeWeChat.start(), await mkdtemp(join(tmpdir(), 'wechat-tokens-')), seed, expect);
  }

  /** Returns how often each code was exchanged, by merchant. */
  exchangesOf(merchant: string): number {
    return this.#wechat.countCalls(
      ({ path, subject, errcode }) => path === EXCHANGE && subject === merchant && errcode === 0,
    );
  }

  /** Lets a server receive pushes until it dies. */
  async live(name: string, deaths: readonly Death[]): Promise<void> {
    const death = deaths[Math.floor(this.#random() * deaths.length)] as Death;
    const isOfTicket = typeof death === 'string' && death.endsWith('component_verify_ticket');
    const comesOnce = isOfTicket || (typeof death === 'string' && / removal of (task|key) /.test(death));
    const nth = comesOnce ? 1 : 1 + Math.floor(this.#random() * MOST_TIMES);
    const moment = { dieAt: typeof death === 'string' ? death : '', of: isOfTicket ? '' : `-${name}`, nth };
    // What earlier servers have left to do does not count: this one shall receive pushes before it dies.
    const isOfThisLife = ({ path, subject }: FakeCall): boolean =>
      path === EXCHANGE && subject?.endsWith(`-${name}`) === true;
    const asked = this.#wechat.nextCall(isOfThisLife);
    const clear =
      typeof death === 'string' ? () => {} : this.#wechat.fail(isOfThisLife, death.fault, { times: MOST_TIMES });
    const victim = await this.#start(moment);
    const pushes = this.#pushAll(name, victim);
    const isOver = [victim.exited, pushes.then(() => this.#untilNothingIsOwed(victim))];
    if (death === 'random') isOver.push(passes(this.#random() * LONGEST_LIFE_MS));
    if (typeof death !== 'string') isOver.push(asked);
    await Promise.race(isOver);
    await victim.kill();
    await pushes;
    clear();
    await this.#expectTicket(`${name}, killed at ${JSON.stringify(death)}, time ${nth}`);
  }

  /** Lets a server complete what the others have left, and checks everything that was answered. */
  async expectNothingLost(where: string): Promise<void> {
    const heir = await this.#start();
    await this.#push({ InfoType: 'updateauthorized', AuthorizerAppid: 'wx-returning' });
    await this.#untilNothingIsOwed(heir);
    const answered = [...this.#merchants].filter(([, { isAnswered }]) => isAnswered);
    const found = await Promise.all(
      answered.map(async ([merchant, { infoType }]) => ({ merchant, infoType, state: await this.#stateOf(merchant) })),
    );
    const expected = answered.map(([merchant, { infoType }]) => {
      return { merchant, infoType, state: infoType === 'unauthorized' ? 'unauthorized, gone' : 'authorized, usable' };
    });
    this.#expect(found, where).toEqual(expected);
    const once = answered.filter(([merchant]) => merchant.startsWith('wx-once'));
    this.#expect(once.length, where).toBeGreaterThan(0);
    for (const [merchant] of once) this.#expect(this.exchangesOf(merchant), `${where}: ${merchant}`).toBe(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#victim?.kill();
    await this.#wechat.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #start(moment?: Moment): Promise<PushVictim> {
    const victim = await PushVictim.start(this.#directory, this.#wechat.origin, REGISTRATION, moment);
    this.#victim = victim;
    this.#wechat.setPush(COMPONENT, { url: victim.urlOf(COMPONENT), ...PUSH });
    return victim;
  }

  /** Pushes a ticket, a merchant that authorizes once, one that does it in each life, and one that ends it again. */
  async #pushAll(name: string, victim: PushVictim): Promise<void> {
    const [once, leaving] = [`wx-once-${name}`, `wx-leaving-${name}`];
    const leave = async (): Promise<void> => {
      await this.#push({ InfoType: 'authorized', AuthorizerAppid: leaving });
      // Half of them end it before the code is exchanged.
      if (this.#random() < 0.5) await this.#untilNothingIsOwed(victim);
      this.#wechat.withdrawAuthorization(COMPONENT, leaving);
      const CreateTime = Math.floor(Date.now() / 1_000) + 1;
      await this.#push({ InfoType: 'unauthorized', AuthorizerAppid: leaving, CreateTime });
    };
    await Promise.all([
      this.#push({ InfoType: 'component_verify_ticket' }),
      this.#push({ InfoType: 'authorized', AuthorizerAppid: once }),
      this.#push({ InfoType: 'updateauthorized', AuthorizerAppid: 'wx-returning' }),
      leave(),
    ]);
  }

  async #push(fields: FakePushFields): Promise<void> {
    const { InfoType, AuthorizerAppid } = fields;
    const isTicket = InfoType === 'component_verify_ticket';
    const value = isTicket ? this.#wechat.pushVerifyTicket(COMPONENT) : undefined;
    const pushed = { infoType: String(InfoType), value, isAnswered: false };
    if (isTicket) this.#tickets.push(pushed);
    else this.#merchants.set(String(AuthorizerAppid), pushed);
    const answer = this.#wechat.push(COMPONENT, { ...fields, ...(isTicket && { ComponentVerifyTicket: value }) });
    // Without an answer the server has died, or had died before.
    pushed.isAnswered = (await answer.catch(() => undefined))?.isAccepted ?? false;
  }

  /** Resolves when a server has done everything that is owed, or has died. */
  async #untilNothingIsOwed(victim: PushVictim): Promise<void> {
    const store = new FileStore(this.#directory);
    const isOwed = async (): Promise<boolean> => {
      for await (const _document of store.list('owed')) return true;
      return false;
    };
    const givenUpAt = performance.now() + DONE_WITHIN_MS;
    try {
      while (victim.isAlive && (await isOwed())) {
        this.#expect(performance.now(), 'something is still owed').toBeLessThan(givenUpAt);
        await passes(LOOK_EVERY_MS);
      }
    } finally {
      await store.close();
    }
  }

  /** Checks that the store has the newest ticket whose push was answered, or one that was pushed after it. */
  async #expectTicket(where: string): Promise<void> {
    const newest = this.#tickets.findLastIndex(({ isAnswered }) => isAnswered);
    if (newest < 0) return;
    const [ticket] = await this.#read((store) => store.get([`key/${COMPONENT}/component_verify_ticket`]));
    const values = this.#tickets.slice(newest).map(({ value }) => value);
    this.#expect(values, `${where}: the ticket is lost`).toContain(grantIn(ticket));
  }

  async #stateOf(merchant: string): Promise<string> {
    const path = `${COMPONENT}/${TYPE}/${merchant}`;
    const ids = [`authorization/${COMPONENT}/${merchant}`, `task/${path}`, `key/${path}`];
    const [state, task, key] = await this.#read((store) => store.get(ids));
    const isGone = task === undefined && key === undefined;
    const isUsable = task !== undefined && this.#wechat.isValid(String(grantIn(key)));
    return `${state?.data['state']}, ${isGone ? 'gone' : isUsable ? 'usable' : 'neither gone nor usable'}`;
  }

  async #read<Result>(read: (store: FileStore) => Promise<Result>): Promise<Result> {
    const store = new FileStore(this.#directory);
    try {
      return await read(store);
    } finally {
      await store.close();
    }
  }
}

function grantIn(document: StoredDocument | undefined): unknown {
  return (document?.data['grant'] as { readonly value?: unknown } | undefined)?.value;
}

/** Returns a generator of numbers that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

// They wait for processes more than they work.
test.concurrent.for(DEATHS)(
  'I2, I3: what was pushed and answered is kept and completed when the server is killed %s',
  async ([name, deaths], { expect }) => {
    const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
    await using lives = await Lives.begin(seed, expect);
    for (let life = 0; life < LIVES; life++) await lives.live(String(life), deaths);
    await lives.expectNothingLost(`seed ${seed}, ${name}`);
  },
);
