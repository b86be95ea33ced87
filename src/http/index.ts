export type { CallbackRules } from '../callbacks/callback-url.js';
export { type CallbackOptions, createCallbacks } from '../callbacks/create-callbacks.js';
export {
  appSecretOf,
  type ReceivedHeaders,
  type VerifiedWebhook,
  verifyWebhook,
  WebhookRefused,
  type WebhookSecret,
  type WebhookToVerify,
} from '../callbacks/webhook-signature.js';
export type { CallReport } from '../gateway/call-report.js';
export type { ForwardRule } from '../platform/forwarding/forward-rule.js';
export { type ApiKey, type ApiKeyOptions, createApiKey, type Scope } from './access/api-key.js';
export type { FetchConnection } from './edges/fetch-edge.js';
export { createHandler } from './handler.js';
export type { ContractName, HandlerOptions } from './handler-options.js';
export type { ServableManager } from './manager/manager.js';
export type { Handler } from './serve-routes.js';
