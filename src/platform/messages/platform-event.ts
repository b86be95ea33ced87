import { secretHash } from '../../core/primitives/secret-hash.js';
import type { PushContent } from '../content/push-content.js';
import { createTimeOf } from '../content/push-fields.js';

/**
 * An event of a third-party platform that the library does not handle itself.
 *
 * @public
 */
export interface PlatformEvent {
  /** The appid of the platform. */
  readonly component: string;
  /** The type of the event, such as `notify_icpfiling_verify_result`. */
  readonly infoType: string;
  /** The instant that WeChat gives for the event, in epoch milliseconds. */
  readonly createdAt: number;
  /**
   * A hash that is the same when WeChat repeats the event, to any process, by which a receiver can tell that it has handled it
   * already.
   */
  readonly id: string;
  /** All fields of the event. */
  readonly content: PushContent;
}

/**
 * Reads an event from its content. WeChat gives events no id, and repeats them as they were, so that their text is one.
 *
 * @param message - the message in clear, which could be read and is therefore UTF-8.
 * @throws PushRefused without a time.
 */
export function platformEventIn(
  component: string,
  infoType: string,
  content: PushContent,
  message: Uint8Array,
): PlatformEvent {
  const id = secretHash([component, infoType, new TextDecoder().decode(message)].join('\n'));
  return { component, infoType, createdAt: createTimeOf(content), id, content };
}
