export type { IsStale } from './core/calls/call.js';
export type {
  CallOptions,
  GetOptions,
  RefreshCallOptions,
  SubjectOptions,
  WaitOptions,
} from './core/calls/call-options.js';
export type { CallOutcome } from './core/calls/stale-answer.js';
export { type Clock, type ClockTimer, systemClock } from './core/concurrency/clock.js';
export type { DeliveryStatus } from './core/engine/delivery-status.js';
export type { StatusQuery, TaskFailure, TaskStatus } from './core/engine/task-status.js';
export { TokenError, type TokenErrorCode, type TokenErrorFacts } from './core/model/errors.js';
export type {
  DeliveredEvent,
  DeliveryFailedEvent,
  RecoveredEvent,
  RefreshedEvent,
  RefreshFailedEvent,
  TokenEvent,
  TokenManagerEvents,
  TokenManagerListener,
} from './core/model/events.js';
export type { RefreshOptions, TokenManagerOptions, WeChatOptions } from './core/model/options.js';
export type { PushMode, PushRegistration } from './core/model/push/push-settings.js';
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
} from './core/model/refresher.js';
export type { ParamsFunction, Registration, TaskRegistration } from './core/model/registration.js';
export type { Due, Lease, StoredDocument, TokenStore } from './core/model/store.js';
export type { TokenKey } from './core/model/token-key.js';
export { TokenRecord } from './core/model/token-record.js';
export type { WaitingFor } from './core/model/waiting-texts.js';
export type { JsonObject, JsonValue } from './core/primitives/json.js';
export { EncryptedStore, type EncryptedStoreOptions } from './stores/encrypted/encrypted-store.js';
export type { EncryptionKey } from './stores/encrypted/encryption-keys.js';
export { FileStore, type FileStoreOptions } from './stores/file/file-store.js';
export { MemoryStore, type MemoryStoreOptions } from './stores/memory.js';
export {
  type BuiltInTokenType,
  TokenManager,
} from './token-manager.js';
export {
  type CreateFetchOptions,
  createFetch,
  type FetchTokens,
  type WeChatFetch,
} from './wechat/fetch/create-fetch.js';
export {
  type JsapiTickets,
  type JsSdkConfig,
  type JsSdkSignatureInput,
  jsSdkSignature,
  type SignJsSdkOptions,
  signJsSdk,
} from './wechat/js-sdk.js';
export {
  type CardConfig,
  type SignCardOptions,
  signCard,
  type WxCardTickets,
} from './wechat/sign-card.js';
