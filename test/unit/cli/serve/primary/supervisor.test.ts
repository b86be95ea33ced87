import { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../../../src/cli/failures/usage-error.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { Supervisor } from '../../../../../src/cli/serve/primary/supervisor.js';
import type { Ending, WorkerProcess } from '../../../../../src/cli/serve/primary/worker-process.js';
import { FakeClock } from '../../../../../src/testing/index.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';

/** A process that leaves is killed after this. */
const LEAVES_WITHIN_MS = 35_000;
/** One that another has replaced is killed after this. */
const REPLACED_LEAVES_WITHIN_MS = 95_000;

/** A process that does what a test says. */
class FakeWorker implements WorkerProcess {
  readonly pid: number;
  readonly ready: Promise<void>;
  readonly ended: Promise<Ending>;
  readonly sockets: Socket[] = [];
  readonly stops: string[] = [];
  isKilled = false;
  unsentSockets: Socket[] = [];
  tracer = false;
  beat: (isDebugged?: boolean) => void = () => {};
  becomeReady: () => void = () => {};
  fail: (error: Error) => void = () => {};
  #end: (ending: Ending) => void = () => {};

  constructor(pid: number) {
    this.pid = pid;
    this.ready = new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      this.fail = reject;
    });
    this.ready.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  onBeat(listener: (isDebugged: boolean) => void): void {
    this.beat = (isDebugged = false) => listener(isDebugged);
  }

  isTraced(): boolean {
    return this.tracer;
  }

  hand(socket: Socket): void {
    this.sockets.push(socket);
  }

  unsent(): readonly Socket[] {
    return this.unsentSockets;
  }

  stop(idle: string, isReplaced = false): void {
    this.stops.push(isReplaced ? `replaced, ${idle}` : idle);
  }

  kill(): void {
    this.isKilled = true;
    this.end(null, 'SIGKILL');
  }

  end(code: number | null, signal: string | null = null): void {
    this.fail(new Error(`ended with ${code ?? signal}`));
    this.#end({ code, signal });
  }
}

let clock: FakeClock;
let output: CapturedOutput;
let workers: FakeWorker[];
let supervisor: Supervisor;

beforeEach(() => {
  clock = new FakeClock();
  output = new CapturedOutput();
  workers = [];
  const fork = (): WorkerProcess => {
    const worker = new FakeWorker(workers.length + 1);
    workers.push(worker);
    return worker;
  };
  supervisor = new Supervisor({ fork, log: new Log(output, clock), clock });
});

const said = (): string[] =>
  output.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).message);
const turn = (): Promise<void> => clock.advance(0);

function worker(number: number): FakeWorker {
  const found = workers[number - 1];
  if (found === undefined) throw new Error(`there is no worker ${number}`);
  return found;
}

async function started(): Promise<FakeWorker> {
  const starting = supervisor.start();
  worker(1).becomeReady();
  await starting;
  return worker(1);
}

describe('the first process', () => {
  it('the first process gets the connections that came before it was ready, in their order', async () => {
    const sockets = [new Socket(), new Socket()];
    const starting = supervisor.start();
    for (const socket of sockets) supervisor.hand(socket);
    expect(worker(1).sockets).toEqual([]);
    worker(1).becomeReady();
    await starting;
    expect(worker(1).sockets).toEqual(sockets);
    const later = new Socket();
    supervisor.hand(later);
    expect(worker(1).sockets[2]).toBe(later);
  });

  it('a first process that cannot start passes on its error, and waiting connections are cut', async () => {
    const socket = new Socket();
    const starting = supervisor.start();
    supervisor.hand(socket);
    worker(1).fail(new UsageError('--keys: it is broken'));
    await expect(starting).rejects.toThrow(new UsageError('--keys: it is broken'));
    await turn();
    expect(socket.destroyed).toBe(true);
  });

  it('a first process that never becomes ready is killed after a minute', async () => {
    const starting = supervisor.start();
    const refused = expect(starting).rejects.toThrow('the server process was not ready within 60 s');
    await clock.advance(60_000);
    await refused;
    expect(worker(1).isKilled).toBe(true);
  });

  it('a first process that is stopped while it starts ends with exit code 0', async () => {
    const starting = supervisor.start();
    const refused = expect(starting).rejects.toThrow('ended');
    const stopping = supervisor.stop('wait');
    expect(worker(1).stops).toEqual(['wait']);
    worker(1).end(0);
    await refused;
    expect(await stopping).toBe(0);
  });
});

describe('a reload', () => {
  it('a reload sends connections to the new process once that is ready, and then stops the old one', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    const [before, after] = [new Socket(), new Socket()];
    supervisor.hand(before);
    expect(old.stops).toEqual([]);
    worker(2).becomeReady();
    await turn();
    supervisor.hand(after);
    expect(old.sockets).toEqual([before]);
    expect(worker(2).sockets).toEqual([after]);
    expect(old.stops).toEqual(['replaced, wait']);
    expect(said()).toEqual(['reloading', 'reloaded']);
  });

  it('a reload whose process cannot start keeps the old one', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    worker(2).fail(new Error('broken code'));
    await turn();
    const socket = new Socket();
    supervisor.hand(socket);
    expect(old.sockets).toEqual([socket]);
    expect(old.stops).toEqual([]);
    expect(said()).toEqual(['reloading', 'reloadFailed']);
    expect(output.text).toContain('broken code');
    expect(supervisor.pid).toBe(1);
    const stopping = supervisor.stop('wait');
    old.end(0);
    expect(await stopping).toBe(0);
  });

  it('a reload begins when the one before it is over, and several that wait are one', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    supervisor.reload();
    supervisor.reload();
    worker(2).becomeReady();
    await turn();
    expect(workers).toHaveLength(2);
    old.end(0);
    await turn();
    expect(workers).toHaveLength(3);
    worker(3).becomeReady();
    await turn();
    worker(2).end(0);
    await turn();
    expect(workers).toHaveLength(3);
    expect(supervisor.pid).toBe(3);
  });

  it('a reload kills an old process that does not end', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    worker(2).becomeReady();
    await clock.advance(REPLACED_LEAVES_WITHIN_MS - 1);
    expect(old.isKilled).toBe(false);
    await clock.advance(1);
    expect(old.isKilled).toBe(true);
    expect(said()).toContain('workerKilled');
    expect(supervisor.pid).toBe(2);
  });

  it('a reload goes on when the old process crashes meanwhile', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    old.end(1);
    await turn();
    worker(2).becomeReady();
    await turn();
    expect(workers).toHaveLength(2);
    expect(supervisor.pid).toBe(2);
  });
});

describe('a crash', () => {
  it('a crash starts a new process at once, which gets the waiting and the unsent connections', async () => {
    const old = await started();
    const [unsent, later] = [new Socket(), new Socket()];
    old.unsentSockets = [unsent];
    old.end(null, 'SIGKILL');
    await turn();
    supervisor.hand(later);
    worker(2).becomeReady();
    await turn();
    expect(worker(2).sockets).toEqual([unsent, later]);
    expect(said()).toEqual(['workerEnded', 'workerReplaced']);
    expect(output.text).toContain('the signal SIGKILL');
  });

  it('a crash after a reload starts a new process at once, although the old one still finishes its requests', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    worker(2).becomeReady();
    await turn();
    worker(2).end(null, 'SIGKILL');
    await turn();
    worker(3).becomeReady();
    await turn();
    expect(supervisor.pid).toBe(3);
    supervisor.reload();
    await turn();
    expect(workers).toHaveLength(3);
    old.end(0);
    await turn();
    expect(workers).toHaveLength(4);
  });

  it('repeated crashes delay the next process, longer and longer, up to 30 s', async () => {
    await started();
    worker(1).end(1);
    for (const pauseMs of [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const count = workers.length;
      if (pauseMs > 0) {
        await clock.advance(pauseMs - 1);
        expect(workers).toHaveLength(count);
      }
      await clock.advance(1);
      expect(workers).toHaveLength(count + 1);
      worker(count + 1).fail(new Error('still broken'));
      await turn();
    }
  });

  it('a crash of a process that has lived for a minute counts as the first again', async () => {
    await started();
    for (const number of [1, 2]) {
      await clock.advance(60_000);
      worker(number).end(1);
      await turn();
      worker(number + 1).becomeReady();
      await turn();
    }
    expect(supervisor.pid).toBe(3);
  });

  it('waiting connections are cut when the process after a crash cannot start', async () => {
    await started();
    worker(1).end(1);
    await turn();
    const socket = new Socket();
    supervisor.hand(socket);
    worker(2).fail(new Error('broken'));
    await turn();
    expect(socket.destroyed).toBe(true);
  });

  it('a reload does not wait for the delay after a crash', async () => {
    await started();
    worker(1).end(1);
    await turn();
    worker(2).end(1);
    await turn();
    expect(workers).toHaveLength(2);
    supervisor.reload();
    await turn();
    expect(workers).toHaveLength(3);
  });

  it('at most 1,000 connections wait after a crash', async () => {
    await started();
    worker(1).end(1);
    await turn();
    const sockets = Array.from({ length: 1_001 }, () => new Socket());
    for (const socket of sockets) supervisor.hand(socket);
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual(sockets.slice(-1));
  });
});

describe('a process that hangs', () => {
  it('a process is killed after 12 s without a heartbeat, and replaced at once', async () => {
    const old = await started();
    old.beat();
    await clock.advance(11_999);
    expect(old.isKilled).toBe(false);
    await clock.advance(1);
    expect(old.isKilled).toBe(true);
    worker(2).becomeReady();
    await turn();
    expect(said()).toEqual(['workerHung', 'workerEnded', 'workerReplaced']);
    expect(output.text).toContain('"pid":1,"silentMs":12000');
    expect(supervisor.pid).toBe(2);
    await clock.advance(60_000);
    expect(said()).toHaveLength(3);
  });

  it('a process that hangs while it stops is killed', async () => {
    const old = await started();
    old.beat();
    const stopping = supervisor.stop('wait');
    await clock.advance(12_000);
    expect(old.isKilled).toBe(true);
    expect(await stopping).toBe(1);
  });

  it('a process is not killed while a debugger of the system holds it', async () => {
    const old = await started();
    old.beat();
    old.tracer = true;
    await clock.advance(60_000);
    expect(old.isKilled).toBe(false);
    old.tracer = false;
    await clock.advance(12_000);
    expect(old.isKilled).toBe(true);
  });

  it('a process of an older release, which sends no heartbeats, is not killed', async () => {
    const old = await started();
    await clock.advance(3_600_000);
    expect(old.isKilled).toBe(false);
  });
});

describe('a stop', () => {
  it('a stop reaches every process, and returns 0 when all have finished', async () => {
    const old = await started();
    supervisor.reload();
    await turn();
    worker(2).becomeReady();
    await turn();
    const stopping = supervisor.stop('close');
    expect(worker(2).stops).toEqual(['close']);
    expect(old.stops).toEqual(['replaced, wait', 'close']);
    old.end(0);
    worker(2).end(0);
    expect(await stopping).toBe(0);
    expect(said()).not.toContain('workerEnded');
  });

  it('a stop returns 0 when a process that is still loading ends by the signal of the terminal', async () => {
    const starting = supervisor.start().catch(() => {});
    const stopping = supervisor.stop('close');
    worker(1).end(null, 'SIGINT');
    expect(await stopping).toBe(0);
    await starting;
  });

  it('a stop returns 1 for a process that had to be killed', async () => {
    await started();
    const stopping = supervisor.stop('wait');
    await clock.advance(LEAVES_WITHIN_MS);
    expect(await stopping).toBe(1);
  });

  it('a stop leaves nothing to reload, and no connection waiting', async () => {
    await started();
    worker(1).end(1);
    await turn();
    const socket = new Socket();
    supervisor.hand(socket);
    const stopping = supervisor.stop('wait');
    expect(socket.destroyed).toBe(true);
    supervisor.reload();
    worker(2).end(0);
    expect(await stopping).toBe(0);
    await clock.advance(120_000);
    expect(workers).toHaveLength(2);
    const late = new Socket();
    supervisor.hand(late);
    expect(late.destroyed).toBe(true);
  });

  it('a kill during a stop kills all processes', async () => {
    await started();
    const stopping = supervisor.stop('wait');
    supervisor.kill();
    expect(worker(1).isKilled).toBe(true);
    expect(await stopping).toBe(1);
  });
});
