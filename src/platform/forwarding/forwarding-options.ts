import type { CallbackRules } from '../../callbacks/callback-url.js';
import { checkedCallbackOptions } from '../../callbacks/create-callbacks.js';
import type { WebhookSecret } from '../../callbacks/webhook-signature.js';
import { type CheckedRule, checkedForwardRules, type ForwardRule } from './forward-rule.js';

/**
 * The options that forward pushes to URLs, and the rules for which URLs these may be, `allowHosts` and `publicOnly`.
 *
 * @public
 */
export interface ForwardingOptions extends CallbackRules {
  /**
   * The rules by which messages and events are forwarded; the first that matches counts. What none matches goes to `onMessage`
   * or `onEvent`. Tickets and authorizations are never forwarded.
   *
   * @defaultValue nothing is forwarded
   * @bounds at most 1,000 rules
   */
  readonly forward?: readonly ForwardRule[] | undefined;
  /**
   * The secret that signs what is forwarded, as it signs notifications in `createCallbacks`: each app has one of its own, which
   * `appSecretOf` derives from it, and the authorizers of a platform have the platform's.
   *
   * @defaultValue not signed
   */
  readonly notifySecret?: WebhookSecret | readonly WebhookSecret[] | undefined;
}

/** The options as they were checked, with copies of lists and secrets. */
export interface Forwarding {
  readonly rules: readonly CheckedRule[];
  readonly secrets: readonly WebhookSecret[];
  readonly urls: CallbackRules;
}

/**
 * Returns the checked options; `undefined` if nothing is forwarded.
 *
 * @throws TypeError naming the option, and for a rule its place and field.
 */
export function checkedForwarding({ forward, ...options }: ForwardingOptions): Forwarding | undefined {
  const { publicOnly, allowHosts, notifySecrets } = checkedCallbackOptions(options);
  if (forward === undefined) return undefined;
  const urls = { publicOnly, allowHosts };
  return { rules: checkedForwardRules(forward, urls), secrets: notifySecrets, urls };
}
