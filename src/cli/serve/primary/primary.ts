import type { Server } from 'node:net';
import { systemClock } from '../../../core/concurrency/clock.js';
import type { ServeOptions } from '../../args/serve-options.js';
import type { CommandIo, TextOutput } from '../../io/command-io.js';
import { StartTerminals, writeWithoutWaiting } from '../../io/standard-streams.js';
import { Log } from '../log/log.js';
import { accessMode } from '../processes/access-mode.js';
import { connectionsWithin } from '../processes/open-files.js';
import { listenToSignals, type StopSignal } from '../processes/stop-signals.js';
import { listen, logAcceptFailures, urlOf } from './listen.js';
import { MAX_WAITING, Supervisor } from './supervisor.js';
import { forkWorker, SHARE_OF_A_WORKER } from './worker-process.js';
import { workerStart } from './worker-start.js';

/**
 * The warning for a server without keys. A proxy that speaks HTTP/1.1 and adds no header cannot be told from a program on
 * this machine.
 */
const WITHOUT_KEYS =
  'every program on this machine has full access, and so has every client of a proxy on it: behind a proxy use --keys';
const SIGNAL_NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
/** The limit of bytes that are buffered for standard error. Further lines are dropped. */
const MOST_WAITING = 1_048_576;

/**
 * Runs the primary process, which listens for connections and passes them to a worker. It outlives its workers and does
 * little else, so that little in it can fail or leak.
 *
 * @returns the exit code.
 * @throws UsageError, or an error of one line, when the server cannot start.
 */
export async function runPrimary(options: ServeOptions, io: CommandIo): Promise<number> {
  const access = accessMode(options);
  const log = new Log(io.stdout, systemClock, io.env);
  const terminals = new StartTerminals();
  for (const output of [io.stdout, io.stderr]) writeWithoutWaiting(output);
  const output = { out: (line: string) => log.pass(line), err: (line: string) => writeLine(io.stderr, line) };
  const start = { ...workerStart(process, io.script), isText: io.stdout.isTTY === true, output };
  const supervisor = new Supervisor({
    fork: (why) => forkWorker(start, why),
    log,
    clock: systemClock,
    maxWaiting: connectionsWithin(MAX_WAITING, SHARE_OF_A_WORKER),
  });
  const server = await listen(options, (socket) => {
    socket.on('error', () => socket.destroy());
    supervisor.hand(socket);
  });
  logAcceptFailures(server, log, systemClock);

  let isStopping = false;
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  listenToSignals(process, systemClock, {
    stop(signal) {
      isStopping = true;
      log.info('stopping', { signal });
      void stop(server, supervisor, signal).then(end);
    },
    kill(signal) {
      supervisor.kill();
      end(128 + SIGNAL_NUMBERS[signal]);
    },
    reload: () => supervisor.reload(),
    isTerminalLost: () => terminals.areLost,
  });
  try {
    await supervisor.start();
    log.info('started', {
      url: urlOf(server),
      store: options.store.shown,
      contracts: options.contracts,
      access,
      pid: supervisor.pid,
      warning: access === 'loopback' ? WITHOUT_KEYS : undefined,
    });
  } catch (error) {
    // A terminal sends its signal to the worker as well, so that a start may end because of it.
    if (!isStopping) {
      server.close();
      throw error;
    }
  }
  const code = await ended;
  log.info('stopped', { code });
  server.close();
  return code;
}

async function stop(server: Server, supervisor: Supervisor, signal: StopSignal): Promise<number> {
  // Connections that the system has accepted already are handed out first. `close` would reset them.
  await new Promise((resolve) => setImmediate(resolve));
  server.close();
  return supervisor.stop(signal === 'SIGTERM' ? 'wait' : 'close');
}

function writeLine(output: TextOutput, line: string): void {
  if ((output.writableLength ?? 0) > MOST_WAITING) return;
  try {
    output.write(`${line}\n`);
  } catch {
    // A host may have replaced `write` by a function that throws. A lost line is acceptable.
  }
}
