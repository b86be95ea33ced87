import { safeCause } from '../../../core/model/errors.js';
import { failureText } from '../../failures/failure-text.js';
import { StartFailure } from '../../failures/start-failure.js';
import { UsageError } from '../../failures/usage-error.js';
import type { FromWorker } from './messages.js';

/** Sends a message of this worker to the primary process; resolves when it is sent, or cannot be. */
export function say(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

/** Tells the primary process why this worker cannot start, which that logs, and ends the channel. */
export async function sayWhyNot(error: unknown): Promise<void> {
  const isUsage = error instanceof UsageError;
  const message = failureText(isUsage || error instanceof StartFailure ? error : safeCause(error));
  await say({ kind: 'failed', message, isUsage });
  disconnect();
}

/** Closes the channel, which would keep the process alive. No messages are left to send. */
export function disconnect(): void {
  if (process.connected) process.disconnect();
}
