export {
  type AuthorizationUrlOptions,
  authorizationUrl,
} from '../platform/authorizers/authorization-url.js';
export type { AuthorizerCounts } from '../platform/authorizers/authorizer-restorer.js';
export { type AuthorizersOptions, authorizers, type KnownAuthorizer } from '../platform/authorizers/authorizers.js';
export {
  type AuthorizerAccountState,
  type AuthorizerDescription,
  describeAuthorizer,
} from '../platform/authorizers/describe-authorizer.js';
export type { PlatformManager } from '../platform/authorizers/platform-calls.js';
export {
  type AuthorizerRecovery,
  type RecoverAuthorizersOptions,
  recoverAuthorizers,
} from '../platform/authorizers/recover-authorizers.js';
export { startPushTicket } from '../platform/authorizers/start-push-ticket.js';
export type { PushContent } from '../platform/content/push-content.js';
export {
  type AuthorizerInfo,
  exchangeAuthorizationCode,
} from '../platform/exchanges/exchange-authorization-code.js';
export type { ForwardRule } from '../platform/forwarding/forward-rule.js';
export type { ForwardedFields, ForwardedValue } from '../platform/forwarding/forwarded-fields.js';
export type { ForwardedPush } from '../platform/forwarding/forwarded-push.js';
export type { ForwardingOptions } from '../platform/forwarding/forwarding-options.js';
export type { PlatformEvent } from '../platform/messages/platform-event.js';
export type { PushReply, PushReplyFields, PushReplyValue } from '../platform/messages/push-reply.js';
export type { PushedMessage } from '../platform/messages/pushed-message.js';
export type { PushHandlers } from '../platform/pushes/push-handlers.js';
export type { PushAnswer, PushRequest } from '../platform/pushes/push-request.js';
export { createPushReceiver, type PushReceiver, type PushReceiverOptions } from './push-receiver.js';
