import { describe, expect, it } from 'vitest';
import { HostTurns } from '../../../src/callbacks/host-turns.js';

interface Work {
  readonly host: string;
  readonly group: string;
  readonly end: () => void;
}

/** Works that have begun and not ended, and a way to begin more. */
function working(turns: HostTurns) {
  const underWay: Work[] = [];
  const beginOf = (group: string, host: string, signal?: AbortSignal): Promise<string> =>
    turns.run({ host, group }, signal, async () => {
      await new Promise<void>((end) => underWay.push({ host, group, end }));
      return host;
    });
  const begin = (host: string, signal?: AbortSignal): Promise<string> => beginOf('app', host, signal);
  const hosts = async (): Promise<string[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return underWay.map(({ host }) => host);
  };
  const groups = async (): Promise<string[]> => {
    await hosts();
    return underWay.map(({ group }) => group);
  };
  const endFirst = (): void => underWay.shift()?.end();
  return { begin, beginOf, hosts, groups, endFirst };
}

let now = 0;
const clock = { monotonic: () => now };

/** Turns of hosts that have answered promptly. */
async function answering(maxPerHost: number, hosts: readonly string[]): Promise<HostTurns> {
  const turns = new HostTurns(maxPerHost, clock);
  for (const host of hosts) await turns.run({ host, group: 'app' }, undefined, async () => {});
  return turns;
}

describe('HostTurns', () => {
  it('a host at its limit does not make other hosts wait', async () => {
    const { begin, hosts, endFirst } = working(await answering(2, ['busy:80', 'busy:81']));
    for (let count = 0; count < 20; count++) void begin('busy:80');
    void begin('busy:81');
    expect(await hosts()).toEqual(['busy:80', 'busy:80', 'busy:81']);
    endFirst();
    expect(await hosts()).toEqual(['busy:80', 'busy:81', 'busy:80']);
  });

  it('a host without an answer gets two turns at a time, and more while it answers within 2 s', async () => {
    const { begin, hosts, endFirst } = working(new HostTurns(4, clock));
    for (let count = 0; count < 10; count++) void begin('new');
    expect(await hosts()).toHaveLength(2);
    now += 1_999;
    endFirst();
    expect(await hosts()).toHaveLength(4);
    now += 1;
    endFirst();
    expect(await hosts()).toHaveLength(3);
    endFirst();
    expect(await hosts()).toHaveLength(4);
  });

  it('bounds may be given: the time of a prompt answer, and the further calls of all hosts', async () => {
    const turns = new HostTurns(8, clock, { promptMs: 3_000, maxFurther: 5 });
    const { begin, hosts, endFirst } = working(turns);
    for (const host of ['a', 'b']) for (let count = 0; count < 10; count++) void begin(host);
    expect((await hosts()).join('')).toBe('aabb');
    now += 2_999;
    for (let count = 0; count < 4; count++) endFirst();
    expect((await hosts()).toSorted().join('')).toHaveLength(4 + 5);
  });

  it('bounds may have the newest call begin first at a host that is not prompt, and the oldest at one that is', async () => {
    const turns = new HostTurns(3, clock, { newestFirst: true });
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const begin = (call: number): void => {
      void turns.run({ host: 'slow', group: 'app' }, undefined, async () => {
        begun.push(call);
        await new Promise<void>((end) => ends.push(end));
      });
    };
    const endFirst = async (): Promise<number[]> => {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
      return begun.splice(0);
    };
    for (let call = 1; call <= 8; call++) begin(call);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun.splice(0)).toEqual([1, 2]);
    now += 2_000;
    expect(await endFirst()).toEqual([8]);
    expect(await endFirst()).toEqual([7]);
    expect(await endFirst()).toEqual([3, 4]);
  });

  it('300 silent hosts take no turns from hosts that answer, and both groups are bounded', async () => {
    const good = Array.from({ length: 520 }, (_unused, index) => `good${index}`);
    const { begin, hosts, endFirst } = working(await answering(2, good));
    for (let host = 0; host < 300; host++) for (let count = 0; count < 5; count++) void begin(`silent${host}`);
    expect(await hosts()).toHaveLength(512);
    for (const host of good) void begin(host);
    expect((await hosts()).filter((host) => host.startsWith('good'))).toHaveLength(512);
    now += 5_000;
    endFirst();
    expect((await hosts()).at(-1)).toBe('silent256');
  });

  it.each([2, 8])(
    '200 hosts that stop answering at once delay no other host (%i turns for each)',
    async (maxPerHost) => {
      const silent = Array.from({ length: 200 }, (_unused, index) => `silent${index}`);
      const { begin, hosts } = working(await answering(maxPerHost, [...silent, 'good']));
      for (const host of silent) for (let count = 0; count < 10; count++) void begin(host);
      void begin('good');
      void begin('good');
      void begin('good');
      const begun = await hosts();
      expect(begun.filter((host) => host === 'good')).toHaveLength(2);
      expect(begun).toHaveLength(maxPerHost === 2 ? 402 : 466);
    },
  );

  it('hosts that wait for a place in common take turns', async () => {
    const many = Array.from({ length: 512 }, (_unused, index) => `many${index}`);
    const { begin, hosts, endFirst } = working(await answering(2, [...many, 'one', 'other']));
    for (const host of many) void begin(host);
    for (let count = 0; count < 3; count++) void begin('one');
    void begin('other');
    expect(await hosts()).toHaveLength(512);
    for (let ended = 0; ended < 3; ended++) endFirst();
    expect((await hosts()).slice(-3)).toEqual(['one', 'other', 'one']);
  });

  it('the groups of one host take turns, so that calls of one that hang do not hold up another', async () => {
    const { beginOf, groups, endFirst } = working(new HostTurns(8, clock));
    for (let count = 0; count < 100; count++) void beginOf('hanging', 'host');
    void beginOf('healthy', 'host');
    void beginOf('healthy', 'host');
    void beginOf('third', 'host');
    expect(await groups()).toEqual(['hanging', 'hanging']);
    const begun: (string | undefined)[] = [];
    for (let ended = 0; ended < 5; ended++) {
      now += 5_000;
      endFirst();
      begun.push((await groups()).at(-1));
    }
    expect(begun).toEqual(['hanging', 'healthy', 'third', 'hanging', 'healthy']);
  });

  it('a host that has stopped answering while its calls wait takes no place of hosts that answer', async () => {
    const many = Array.from({ length: 511 }, (_unused, index) => `many${index}`);
    const { begin, hosts, endFirst } = working(await answering(2, ['slow', 'good', ...many]));
    void begin('slow');
    for (const host of many) void begin(host);
    void begin('slow');
    void begin('good');
    expect(await hosts()).toHaveLength(512);
    now += 5_000;
    endFirst();
    expect((await hosts()).slice(-2)).toEqual(['slow', 'good']);
  });

  it('a waiting turn can be aborted, and work that fails releases its turn', async () => {
    const turns = new HostTurns(1, clock);
    const { begin, hosts, endFirst } = working(turns);
    void begin('host');
    const controller = new AbortController();
    const waiting = begin('host', controller.signal);
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    const failing = turns.run({ host: 'host', group: 'app' }, undefined, () => Promise.reject(new Error('no')));
    endFirst();
    await expect(failing).rejects.toThrow('no');
    void begin('host');
    expect(await hosts()).toEqual(['host']);
  });
});
