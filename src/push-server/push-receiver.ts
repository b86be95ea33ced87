import { engineOf } from '../core/engine/engine-of.js';
import { assertBoolean, assertFunction, readFields } from '../core/primitives/assert-options.js';
import type { Permission } from '../http/access/permission.js';
import { pushRoutes } from '../http/contracts/push/push-routes.js';
import type { ServableManager } from '../http/manager/manager.js';
import { assertPrefix } from '../http/prefix.js';
import { callListener, warnProcess } from '../http/process-warning.js';
import { type Handler, serveRoutes } from '../http/serve-routes.js';
import { checkedAuthorizerTasks } from '../platform/authorizations/authorizer-tasks.js';
import {
  checkedForwarding,
  type Forwarding,
  type ForwardingOptions,
} from '../platform/forwarding/forwarding-options.js';
import type { PushHandlers } from '../platform/pushes/push-handlers.js';
import type { PushAnswer, PushRequest } from '../platform/pushes/push-request.js';
import { type ReceivingManager, receiverOf } from '../platform/pushes/receiver-of.js';

/**
 * The options of `createPushReceiver(manager, options)`.
 *
 * @public
 */
export interface PushReceiverOptions extends PushHandlers, ForwardingOptions {
  /**
   * The types of the tasks that are registered for an account when it authorizes a third-party platform. Existing ones stay as
   * they are.
   *
   * @defaultValue `['authorizer_access_token']`
   * @bounds types of the manager
   */
  readonly authorizerTasks?: readonly string[];
  /**
   * Whether WeChat's check of a platform before its release (全网发布检测) is answered: the messages and events of its test
   * accounts. Others of theirs go to `onMessage`, and with `false` all of them.
   *
   * @defaultValue `true`
   * @bounds `true` or `false`
   */
  readonly releaseCheck?: boolean;
  /**
   * The path below which pushes are received, where the host does not take the prefix away.
   *
   * @defaultValue `''`
   * @bounds a path like `'/wechat'`, without a slash at its end
   */
  readonly prefix?: string;
  /**
   * Receives what goes wrong while a push is handled: the error of a handler, a push that could not be forwarded, a store that is
   * unavailable, an authorization code that could not be exchanged yet, a clock that differs from WeChat's.
   *
   * @defaultValue a warning of the process
   * @bounds a function
   */
  readonly onError?: (error: Error) => void;
}

/**
 * The receiver of WeChat's pushes, for any server to mount.
 *
 * @public
 */
export interface PushReceiver extends Handler {
  /** Answers a push that arrived in another way than through `node` and `fetch`. It never rejects. */
  readonly receive: (push: PushRequest) => Promise<PushAnswer>;
}

const FORWARDING = ['forward', 'notifySecret', 'allowHosts', 'publicOnly'] as const;
const NAMES = ['onMessage', 'onEvent', ...FORWARDING, 'authorizerTasks', 'releaseCheck', 'prefix', 'onError'] as const;
/** The permission of every sender: whether a push is WeChat's is judged by its signature. */
const ANYONE: Permission = { appids: undefined, keyId: undefined, paths: undefined, refusal: () => undefined };

/**
 * Makes a manager receive WeChat's pushes to the apps that are registered with `push`, at `/push/:appid`, and the messages of a
 * platform's authorizers, at `/push/:component/:appid`.
 *
 * Verify tickets are stored, authorization codes exchanged, and the tasks of authorizers registered and unregistered. WeChat's
 * check of a platform before its release is answered. Other messages and events are forwarded by the rules of `forward`, or else
 * passed to `onMessage` and `onEvent`.
 *
 * @throws TypeError for options that are not.
 *
 * @example
 * ```ts
 * await tokens.register({ appid, secret, push: { token, encodingAesKey }, tasks: ['component_access_token'] });
 * const receiver = createPushReceiver(tokens);
 * createServer(receiver.node).listen(8080);
 * ```
 *
 * @public
 */
export function createPushReceiver(manager: ServableManager, options: PushReceiverOptions = {}): PushReceiver {
  const { prefix = '', onError = warnProcess, ...given } = checkedOptions(manager, options);
  const engine = engineOf(manager);
  const report = (error: Error): void => callListener(() => onError(error));
  const receiver = receiverOf(engine, manager as ServableManager & ReceivingManager, { ...given, onError: report });
  const routes = pushRoutes({ pushReceiver: receiver });
  const handler = serveRoutes(routes, { prefix, clock: engine.clock, permissionOf: () => ANYONE, onError });
  return { ...handler, receive: (push, sender?: string) => receiver.receive(push, sender) };
}

function checkedOptions(
  manager: ServableManager,
  options: PushReceiverOptions,
): Omit<PushReceiverOptions, keyof ForwardingOptions> & { readonly forwarding: Forwarding | undefined } {
  const read = readFields<PushReceiverOptions>(options, NAMES, 'the options of createPushReceiver');
  const { forward, notifySecret, allowHosts, publicOnly, ...others } = read;
  const fields = { ...others, forwarding: checkedForwarding({ forward, notifySecret, allowHosts, publicOnly }) };
  for (const name of ['onMessage', 'onEvent', 'onError'] as const) assertFunction(name, fields[name]);
  assertBoolean('releaseCheck', fields.releaseCheck);
  if (fields.prefix !== undefined) assertPrefix(fields.prefix);
  const authorizerTasks = checkedAuthorizerTasks(manager, fields.authorizerTasks);
  return { ...fields, ...(authorizerTasks !== undefined && { authorizerTasks }) };
}
