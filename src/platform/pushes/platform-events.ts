import type { Clock } from '../../core/concurrency/clock.js';
import { contended } from '../../core/store/write-errors.js';
import type { AuthorizationDocuments, AuthorizationKey, OwedWork } from '../authorizations/authorization-documents.js';
import { type AuthorizationPush, authorizationPushIn, owedAfter } from '../authorizations/authorization-push.js';
import type { AuthorizationWork } from '../authorizations/authorization-work.js';
import type { PlatformEvent } from '../messages/platform-event.js';
import type { PushTime } from './push-time.js';
import type { PushWindows } from './push-windows.js';
import type { Recipients } from './recipients.js';
import { storeTicket, type TicketStore } from './store-ticket.js';

export interface PlatformEventsParts {
  readonly windows: PushWindows;
  readonly tickets: TicketStore;
  readonly documents: AuthorizationDocuments;
  /** Does what authorizations need; `undefined` in a process that leaves it to others. */
  readonly work: AuthorizationWork | undefined;
  readonly recipients: Recipients;
  readonly clock: Clock;
}

const MAX_ROUNDS = 3;

/** Handles what WeChat pushes to a platform about itself: stores tickets, notes authorizations, and passes other events on. */
export class PlatformEvents {
  readonly #parts: PlatformEventsParts;

  constructor(parts: PlatformEventsParts) {
    this.#parts = parts;
  }

  /**
   * Handles an event, and resolves when what it says is durable.
   *
   * @param raw - the event as WeChat has written it.
   */
  async handle(event: PlatformEvent, raw: Uint8Array, time: PushTime): Promise<void> {
    const { windows, clock, tickets, recipients } = this.#parts;
    const { component, infoType, content } = event;
    const now = windows.of(component).now();
    if (infoType === 'component_verify_ticket') {
      await storeTicket(content, component, { now, storeTime: clock.now() }, tickets, time.forStore(2));
      return;
    }
    const authorization = authorizationPushIn(infoType, content, now);
    if (authorization === undefined) await recipients.tell(event, raw, time);
    else await this.#note(component, authorization, time);
  }

  /** Writes down what an authorization needs. It is done after the answer, here or by another process. */
  async #note(component: string, push: AuthorizationPush, time: PushTime): Promise<void> {
    const { documents } = this.#parts;
    const key = { component, authorizer: push.authorizer };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await time.forStore(1).race(documents.read(key));
      const owed = owedAfter(push, stored);
      if (owed === undefined) return;
      if (await time.forStore(1).race(this.#saveOwed(key, owed, stored.owedVersion))) return;
    }
    throw contended(`the authorization of ${push.authorizer}`, { appid: component });
  }

  /** Writes what is owed, and begins it even if the write takes so long that the push is answered before. */
  async #saveOwed(key: AuthorizationKey, owed: OwedWork, version: number): Promise<boolean> {
    const { documents, work, clock } = this.#parts;
    if ((await documents.saveOwed(key, owed, version)) === undefined) return false;
    clock.setTimer(() => work?.begin(key), 0);
    return true;
  }
}
