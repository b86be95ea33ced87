import { GuardedRequests } from '../../callbacks/guarded-request.js';
import type { Engine } from '../../core/engine/engine.js';
import type { AuthorizationKey } from '../authorizations/authorization-documents.js';
import { AuthorizationWork } from '../authorizations/authorization-work.js';
import { FailureReports } from '../authorizations/failure-reports.js';
import type { PlatformTokens } from '../authorizations/platform-api.js';
import { isTestAccount } from '../authorizations/test-accounts.js';
import { changesPartsOf } from '../authorizers/changes-parts-of.js';
import { UserNames } from '../authorizers/user-names.js';
import { Forwarder } from '../forwarding/forwarder.js';
import type { Forwarding } from '../forwarding/forwarding-options.js';
import { MessageAnswers } from '../messages/message-answers.js';
import { releaseCheckOf } from '../release-check/release-check-of.js';
import { PlatformEvents } from './platform-events.js';
import type { PushHandlers } from './push-handlers.js';
import { PushReceiver } from './push-receiver.js';
import type { PushReceiving } from './push-request.js';
import { PushWindows } from './push-windows.js';
import { PushedApps } from './pushed-apps.js';
import { Recipients } from './recipients.js';
import type { TicketStore } from './store-ticket.js';

/** The methods of a manager that pushes need. */
export type ReceivingManager = PlatformTokens & TicketStore;

export interface ReceivingOptions extends PushHandlers {
  /** The types of the tasks that an authorizer gets. */
  readonly authorizerTasks?: readonly string[] | undefined;
  /** Whether WeChat's check of a platform before its release is answered. */
  readonly releaseCheck?: boolean | undefined;
  /** The rules by which pushes are forwarded, and how. */
  readonly forwarding?: Forwarding | undefined;
  /** Receives what goes wrong while a push is handled. It must not throw. */
  onError(error: Error): void;
}

/** Creates the receiver of the pushes to the apps of a manager, and begins what earlier pushes have left to do. */
export function receiverOf(engine: Engine, manager: ReceivingManager, options: ReceivingOptions): PushReceiving {
  const { clock, registry, refreshes } = engine;
  const { authorizerTasks, releaseCheck = true, onError } = options;
  const parts = changesPartsOf(engine, manager, authorizerTasks);
  const { documents, api, profiles } = parts;
  const reports = new FailureReports(clock, onError);
  const failed = (key: AuthorizationKey, error: unknown): void => {
    if (!isTestAccount(key.authorizer)) reports.note(key, error);
  };
  const work = refreshes ? new AuthorizationWork({ ...parts, clock, closing: engine.closing, failed }) : undefined;
  work?.startAfter(engine.opened());
  const windows = new PushWindows(clock, (message) => onError(new Error(message)));
  const recipients = new Recipients({
    releaseCheck: releaseCheck ? releaseCheckOf(engine, api, onError) : undefined,
    forwarder: forwarderOf(engine, options),
    handlers: options,
    answers: new MessageAnswers(clock),
  });
  return new PushReceiver({
    apps: new PushedApps({ registry, clock, opened: () => engine.opened() }),
    windows,
    userNames: new UserNames(documents, api, profiles, clock),
    recipients,
    events: new PlatformEvents({ windows, tickets: manager, documents, work, recipients, clock }),
    clock,
    lastPushes: engine.lastPushes,
    onError,
  });
}

function forwarderOf(
  { clock, closing }: Engine,
  { forwarding, onError: report }: ReceivingOptions,
): Forwarder | undefined {
  if (forwarding === undefined) return undefined;
  const requests = new GuardedRequests({ ...forwarding.urls, clock });
  return new Forwarder({ forwarding, requests, clock, closing, report });
}
