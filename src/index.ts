export type { IsStale } from './core/call.js';
export type {
  CallOptions,
  GetOptions,
  RefreshCallOptions,
  SubjectOptions,
  WaitOptions,
} from './core/call-options.js';
export { type Clock, type ClockTimer, systemClock } from './core/clock.js';
export type { DeliveryStatus } from './core/delivery-status.js';
export { TokenError, type TokenErrorCode, type TokenErrorFacts } from './core/errors.js';
export type {
  DeliveredEvent,
  DeliveryFailedEvent,
  RecoveredEvent,
  RefreshedEvent,
  RefreshFailedEvent,
  TokenEvent,
  TokenManagerEvents,
  TokenManagerListener,
} from './core/events.js';
export type { JsonObject, JsonValue } from './core/json.js';
export type { RefreshOptions, TokenManagerOptions, WeChatOptions } from './core/options.js';
export {
  type AccessTokenMode,
  type AppCredentials,
  defineRefresher,
  type Grant,
  type RateLimit,
  type RefreshContext,
  type Refresher,
  type RefreshReason,
  type SpendOptions,
  type SpentToken,
  type WeChatRequest,
} from './core/refresher.js';
export type { ParamsFunction, Registration, TaskRegistration } from './core/registration.js';
export type { CallOutcome } from './core/stale-answer.js';
export type { StatusQuery, TaskFailure, TaskStatus } from './core/status.js';
export type { Due, Lease, StoredDocument, TokenStore } from './core/store.js';
export type { TokenKey } from './core/token-key.js';
export { TokenRecord } from './core/token-record.js';
export type { WaitingFor } from './core/waiting-texts.js';
export { EncryptedStore, type EncryptedStoreOptions } from './stores/encrypted.js';
export type { EncryptionKey } from './stores/encryption/encryption-keys.js';
export { FileStore, type FileStoreOptions } from './stores/file/file-store.js';
export { MemoryStore, type MemoryStoreOptions } from './stores/memory.js';
export {
  type BuiltInTokenType,
  TokenManager,
} from './token-manager.js';
export {
  type JsapiTickets,
  type JsSdkConfig,
  type JsSdkSignatureInput,
  jsSdkSignature,
  type SignJsSdkOptions,
  signJsSdk,
} from './wechat/js-sdk.js';
