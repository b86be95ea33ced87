import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';

/** What a test can do to a server that it has started. */
export interface ServerControls extends AsyncDisposable {
  /** Stops the server in order. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL. */
  kill(): Promise<void>;
  /** Stops the server with SIGSTOP: connections stay and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Starts the server again, on the same port and files. */
  restart(): Promise<void>;
}

export interface StartableServer {
  /** The directory of the server, which is removed in the end. */
  readonly directory: string;
  /** The signal that stops the server in order. */
  readonly stopSignal: NodeJS.Signals;
  /** Starts the server; resolves when it answers. */
  start(): Promise<void>;
  /** Returns the process that was started last. */
  process(): ChildProcess | undefined;
  /** Sends a signal to all processes of a server that has several. Default: the signal goes to the server alone. */
  signalAll?(server: ChildProcess, signal: NodeJS.Signals): void;
}

/** Starts a server, and makes sure that it does not outlive the tests. */
export async function startControlled(server: StartableServer): Promise<ServerControls> {
  const { directory, stopSignal, start } = server;

  const running = (): ChildProcess | undefined => {
    const child = server.process();
    return child === undefined || child.exitCode !== null || child.signalCode !== null ? undefined : child;
  };
  const signalAll = (signal: NodeJS.Signals): void => {
    const child = running();
    if (child === undefined) return;
    if (server.signalAll === undefined) child.kill(signal);
    else server.signalAll(child, signal);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = running();
    if (child === undefined) return;
    const exited = once(child, 'exit');
    if (signal === stopSignal) child.kill(signal);
    else signalAll(signal);
    // A paused process takes other signals only when it continues.
    signalAll('SIGCONT');
    await exited;
  };

  const killAtExit = (): void => signalAll('SIGKILL');
  process.once('exit', killAtExit);
  await start();
  return {
    stop: () => end(stopSignal),
    kill: () => end('SIGKILL'),
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    restart: async () => {
      await end(stopSignal);
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
      process.off('exit', killAtExit);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export async function sparePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
