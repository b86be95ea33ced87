import { describe, expect, it } from 'vitest';
import { HostTurns } from '../../../src/callbacks/host-turns.js';

interface Work {
  readonly host: string;
  readonly end: () => void;
}

/** Works that have begun and not ended, and a way to begin more. */
function working(turns: HostTurns) {
  const underWay: Work[] = [];
  const begin = (host: string, signal?: AbortSignal): Promise<string> =>
    turns.run(host, signal, async () => {
      await new Promise<void>((end) => underWay.push({ host, end }));
      return host;
    });
  const hosts = async (): Promise<string[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return underWay.map(({ host }) => host);
  };
  const endFirst = (): void => underWay.shift()?.end();
  return { begin, hosts, endFirst };
}

describe('turns', () => {
  it('are a few at once for a host, and others do not wait for them', async () => {
    const { begin, hosts, endFirst } = working(new HostTurns(2));
    for (let count = 0; count < 20; count++) void begin('slow:80');
    void begin('slow:81');
    expect(await hosts()).toEqual(['slow:80', 'slow:80', 'slow:81']);
    endFirst();
    expect(await hosts()).toEqual(['slow:80', 'slow:81', 'slow:80']);
  });

  it('are 16 at once for all hosts', async () => {
    const { begin, hosts, endFirst } = working(new HostTurns(2));
    for (let host = 0; host < 20; host++) void begin(`host${host}`);
    expect(await hosts()).toHaveLength(16);
    endFirst();
    expect((await hosts()).at(-1)).toBe('host16');
  });

  it('may be given up while they wait, and are given back by work that fails', async () => {
    const turns = new HostTurns(1);
    const { begin, hosts, endFirst } = working(turns);
    void begin('host');
    const controller = new AbortController();
    const waiting = begin('host', controller.signal);
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    const failing = turns.run('host', undefined, () => Promise.reject(new Error('no')));
    endFirst();
    await expect(failing).rejects.toThrow('no');
    void begin('host');
    expect(await hosts()).toEqual(['host']);
  });
});
