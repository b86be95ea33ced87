import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { HostLookups } from '../../../src/callbacks/host-lookups.js';

interface UnderWay {
  readonly host: string;
  readonly end: () => void;
}

const ADDRESS: LookupAddress = { address: '127.0.0.1', family: 4 };
const NEVER = new AbortController().signal;

/**
 * Look-ups that end when the test says so.
 *
 * @param isSilent - whether no name server answers for a host.
 */
function lookingUp(isSilent: (host: string) => boolean) {
  let now = 0;
  const underWay: UnderWay[] = [];
  const lookups = new HostLookups({
    async lookup(host) {
      await new Promise<void>((end) => underWay.push({ host, end }));
      return [ADDRESS];
    },
    isAnswered: async (host) => !isSilent(host),
    clock: { monotonic: () => now },
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    begin: (host: string, signal: AbortSignal = NEVER) => lookups.lookup(host, signal),
    async hosts(): Promise<string[]> {
      await settle();
      return underWay.map(({ host }) => host);
    },
    /** Ends the first look-up, which has taken `ms` milliseconds. */
    async endFirst(ms: number): Promise<void> {
      await settle();
      now += ms;
      underWay.shift()?.end();
      await settle();
    },
  };
}

const isSilent = (host: string): boolean => host.startsWith('silent');

describe('HostLookups', () => {
  it('of many hosts without an answering name server one is looked up at a time, so that a thread is left', async () => {
    const { begin, hosts, endFirst } = lookingUp(isSilent);
    for (let count = 0; count < 20; count++) void begin(`silent${count}.test`);
    expect(await hosts()).toEqual(['silent0.test']);
    await endFirst(10_000);
    expect(await hosts()).toEqual(['silent1.test']);
  });

  it('a host with an answering name server does not wait for silent ones', async () => {
    const { begin, hosts } = lookingUp(isSilent);
    for (let count = 0; count < 20; count++) void begin(`silent${count}.test`);
    void begin('prompt.test');
    expect(await hosts()).toEqual(['silent0.test', 'prompt.test']);
  });

  it('a host is looked up without asking a name server for it while no other look-up has the turn', async () => {
    const { begin, hosts, endFirst } = lookingUp(() => true);
    const found = begin('in-the-hosts-file.test');
    expect(await hosts()).toEqual(['in-the-hosts-file.test']);
    await endFirst(1);
    expect(await found).toEqual([ADDRESS]);
  });

  it('a host whose last look-up was slow waits for its turn, until a look-up of it was quick', async () => {
    const { begin, hosts, endFirst } = lookingUp(isSilent);
    void begin('slow.test');
    await endFirst(5_000);
    void begin('silent.test');
    void begin('slow.test');
    expect(await hosts()).toEqual(['silent.test']);
    await endFirst(10_000);
    await endFirst(10);
    void begin('silent.test');
    void begin('slow.test');
    expect(await hosts()).toEqual(['silent.test', 'slow.test']);
  });

  it('a look-up whose caller has given up keeps its turn until it ends, and one that waits for its turn leaves', async () => {
    const { begin, hosts, endFirst } = lookingUp(isSilent);
    const first = new AbortController();
    const second = new AbortController();
    void begin('silent1.test', first.signal);
    const waiting = begin('silent2.test', second.signal);
    void begin('silent3.test');
    await hosts();
    first.abort(new Error('too late'));
    second.abort(new Error('too late'));
    await expect(waiting).rejects.toThrow('too late');
    expect(await hosts()).toEqual(['silent1.test']);
    await endFirst(10_000);
    expect(await hosts()).toEqual(['silent3.test']);
  });

  it('a look-up that fails gives its turn back', async () => {
    const lookups = new HostLookups({
      lookup: (host) => (host === 'gone.test' ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve([ADDRESS])),
      isAnswered: async () => false,
      clock: { monotonic: () => 0 },
    });
    const gone = lookups.lookup('gone.test', NEVER);
    const found = lookups.lookup('found.test', NEVER);
    await expect(gone).rejects.toThrow('ENOTFOUND');
    expect(await found).toEqual([ADDRESS]);
  });
});
