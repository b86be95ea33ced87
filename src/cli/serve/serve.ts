import type { ServeOptions } from '../args/serve-options.js';
import type { CommandIo } from '../io/command-io.js';
import { runPrimary } from './primary/primary.js';
import { isWorker } from './processes/worker-environment.js';

/**
 * Runs the token server until a signal stops it.
 *
 * @returns the exit code.
 * @throws UsageError, or an error with a message of one line, when it cannot start.
 */
export async function serve(options: ServeOptions, io: CommandIo): Promise<number> {
  if (!isWorker(io.env)) return runPrimary(options, io);
  const { runWorker } = await import('./worker/worker.js');
  return runWorker(options, io);
}
