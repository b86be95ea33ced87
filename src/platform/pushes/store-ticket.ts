import type { Deadline } from '../../core/model/deadline.js';
import type { Grant } from '../../core/model/refresher.js';
import { isTypeError } from '../../core/primitives/foreign-objects.js';
import type { PushContent } from '../content/push-content.js';
import { AHEAD_MS, createTimeOf, requiredText } from '../content/push-fields.js';
import { PushRefused } from '../content/push-refused.js';

/** The part of a manager that stores tickets. */
export interface TicketStore {
  put(component: string, type: 'component_verify_ticket', grant: Grant): Promise<unknown>;
}

const TICKET_SECONDS = 12 * 3_600;
/** The form of a ticket, which is shorter by far. What is damaged must not replace a good one. */
const TICKET = /^[\x21-\x7e]{1,1024}$/;

/**
 * Stores a verify ticket, unless the stored one is newer.
 *
 * @param times - the time as WeChat knows it, and that of the store.
 * @throws PushRefused for a ticket that is none, or has expired; a `TokenError` if it could not be stored in time.
 */
export async function storeTicket(
  content: PushContent,
  component: string,
  { now, storeTime }: { readonly now: number; readonly storeTime: number },
  tokens: TicketStore,
  deadline: Deadline,
): Promise<void> {
  const obtainedAt = createTimeOf(content);
  if (obtainedAt > now + AHEAD_MS || obtainedAt <= now - TICKET_SECONDS * 1_000) {
    throw new PushRefused(400, 'CreateTime of the ticket is more than 12 hours ago, or ahead');
  }
  const value = requiredText(content, 'ComponentVerifyTicket');
  if (!TICKET.test(value)) throw new PushRefused(400, 'the verify ticket is malformed');
  // The clock of the store may be behind WeChat's, and no grant comes from its future.
  const grant: Grant = { value, expiresInSeconds: TICKET_SECONDS, obtainedAt: Math.min(obtainedAt, storeTime) };
  try {
    await deadline.race(tokens.put(component, 'component_verify_ticket', grant));
  } catch (error) {
    if (isTypeError(error)) throw new PushRefused(400, `the pushed ticket cannot be stored: ${error.message}`);
    throw error;
  }
}
