import type { TypeNumbers } from '../../callbacks/contract-type-numbers.js';
import type { Clock } from '../../core/concurrency/clock.js';
import type { ColdLookups } from '../../core/engine/cold-lookups.js';
import type { Meters } from '../../core/engine/meters.js';
import type { Closing } from '../../core/model/closing.js';
import type { Deadline } from '../../core/model/deadline.js';
import type { TokenKey } from '../../core/model/token-key.js';
import type { LastPushes } from '../../core/pushes/last-pushes.js';
import type { VerifyTickets } from '../../core/pushes/verify-tickets.js';
import type { Records } from '../../core/records/records.js';
import type { Registry } from '../../core/registry/registry.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { KeyDocuments } from '../../core/store/key-documents.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import type { CallCounts } from '../../gateway/call-counts.js';
import type { Gateway } from '../../gateway/gateway.js';
import type { KnownTokens } from '../../gateway/tokens/known-tokens.js';
import type { PushCounts } from '../../platform/pushes/push-counts.js';
import type { PushReceiving } from '../../platform/pushes/push-request.js';
import type { AccessCheck } from '../access/access-check.js';
import type { Peers } from '../access/peers.js';
import type { SecretCheck } from '../access/secret-check.js';
import type { Manager } from '../manager/manager.js';
import type { TaskCensuses } from '../manager/task-census.js';
import type { MerchantPages } from './merchant-pages.js';

/** The parts of a manager that routes work with. */
export interface ServedParts {
  readonly clock: Clock;
  readonly closing: Closing;
  readonly store: SupervisedStore;
  readonly registry: Registry;
  readonly records: Records;
  readonly coldLookups: ColdLookups;
  readonly meters: Meters;
  readonly reader: DocumentReader;
  readonly documents: KeyDocuments;
  readonly tickets: VerifyTickets;
  readonly lastPushes: LastPushes;
  /** Whether this process refreshes at all. */
  readonly refreshes: boolean;
  /** Reads what the store remembers; a failed start is tried again. */
  start(): Promise<void>;
  /** Returns the deadline of a call without a time of its own. */
  deadline(): Deadline;
  unregisterTask(key: TokenKey, isStillWanted?: () => boolean): Promise<void>;
}

/** The objects that the routes of every contract work with. */
export interface RouteServices extends ServedParts {
  readonly manager: Manager;
  readonly typeNumbers: TypeNumbers;
  readonly censuses: TaskCensuses;
  readonly access: AccessCheck;
  readonly peers: Peers;
  readonly secrets: SecretCheck;
  readonly gateway: Gateway;
  readonly calls: CallCounts;
  readonly knownTokens: KnownTokens;
  readonly pushes: PushCounts;
  /** The receiver of WeChat's pushes; absent if no contract receives them. */
  readonly pushReceiver: PushReceiving | undefined;
  /** The pages at which merchants authorize platforms; absent if the URL is not known under which merchants reach them. */
  readonly merchantPages: MerchantPages | undefined;
  /** Whether callers with the right to register may have the pair of an unknown app tried at WeChat. */
  readonly autoRegisters: boolean;
}
