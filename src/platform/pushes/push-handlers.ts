import { isError } from '../../core/primitives/foreign-objects.js';
import { describeKind } from '../../core/primitives/redact.js';
import type { PlatformEvent } from '../messages/platform-event.js';
import type { PushReply } from '../messages/push-reply.js';
import type { PushedMessage } from '../messages/pushed-message.js';

/**
 * The functions of an application that handle what was pushed.
 *
 * @public
 */
export interface PushHandlers {
  /**
   * Handles a message or an event of an account, and returns the reply, if any. It has 4 s; WeChat repeats a message that was
   * not answered by then, and gets the reply when it is ready.
   *
   * @defaultValue every message is answered with `success`
   * @bounds a function
   */
  readonly onMessage?: ((message: PushedMessage) => PushReply | undefined | Promise<PushReply | undefined>) | undefined;
  /**
   * Handles an event of a third-party platform that is neither a ticket nor an authorization. The push is answered when the
   * function has resolved, within 4 s. WeChat may repeat it otherwise; the repetition waits for the same call.
   *
   * @defaultValue such events are answered with `success`
   * @bounds a function
   */
  readonly onEvent?: ((event: PlatformEvent) => unknown) | undefined;
}

/** Reports that a function of the application failed, whose error is the `cause`. */
export class HandlerFailed extends Error {
  override readonly name: string = 'HandlerFailed';
}

/**
 * Calls a function of the application.
 *
 * @throws HandlerFailed if it throws or rejects.
 */
export async function handledBy<Result>(name: keyof PushHandlers, handle: () => Result): Promise<Awaited<Result>> {
  try {
    return await handle();
  } catch (error) {
    const reason = isError(error) ? error.message : describeKind(error);
    throw new HandlerFailed(`${name} failed: ${reason}`, { cause: error });
  }
}
