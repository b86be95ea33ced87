import { TypeNumbers } from '../callbacks/contract-type-numbers.js';
import { createCallbacks } from '../callbacks/create-callbacks.js';
import { onAbort } from '../core/concurrency/abort-listeners.js';
import { engineOf } from '../core/engine/engine-of.js';
import { CountedLimits } from '../core/store/counted-limits.js';
import { CallCounts } from '../gateway/call-counts.js';
import { Gateway } from '../gateway/gateway.js';
import { KnownTokens } from '../gateway/tokens/known-tokens.js';
import { ManagedTokens } from '../gateway/tokens/managed-tokens.js';
import { StoredTokens } from '../gateway/tokens/stored-tokens.js';
import { checkedAuthorizerTasks } from '../platform/authorizations/authorizer-tasks.js';
import { checkedForwarding } from '../platform/forwarding/forwarding-options.js';
import { PushCounts } from '../platform/pushes/push-counts.js';
import { type ReceivingManager, receiverOf } from '../platform/pushes/receiver-of.js';
import { hostsOf } from '../wechat/hosts-of.js';
import { AccessCheck } from './access/access-check.js';
import { exposePeers, Peers } from './access/peers.js';
import { Permissions } from './access/permissions.js';
import { SecretCheck } from './access/secret-check.js';
import { ROUTES } from './contract-routes.js';
import { merchantVisitsOf } from './contracts/platform/merchant-visits-of.js';
import { checkedHandlerOptions, type HandlerOptions } from './handler-options.js';
import type { Manager, ServableManager } from './manager/manager.js';
import { TaskCensuses } from './manager/task-census.js';
import { callListener, warnProcess } from './process-warning.js';
import type { RouteServices } from './routing/route-services.js';
import { type Handler, type PermissionOf, serveRoutes } from './serve-routes.js';

/**
 * Makes a manager answer over HTTP. Its tasks may then have URLs, as after {@link createCallbacks}.
 *
 * @throws TypeError for options that are not, without any of `keys`, `trust` and `anonymous`, and for rules of callbacks
 *   where the manager has callbacks already.
 *
 * @example
 * ```ts
 * const handler = createHandler(tokens, { keys: './keys.json' });
 * createServer(handler.node).listen(9001, '127.0.0.1');
 * ```
 *
 * @public
 */
export function createHandler(manager: ServableManager, options: HandlerOptions): Handler {
  const given = checkedHandlerOptions(options);
  const { contracts = ['scheduler'], prefix = '', legacyTypeNumbers = false, onError = warnProcess } = given;
  const { keys, trust, anonymous, hostNames, allowHosts, publicOnly, notifySecret, releaseCheck } = given;
  const forwarding = checkedForwarding({ forward: given.forward, notifySecret, allowHosts, publicOnly });
  const engine = engineOf(manager);
  const { clock, closing, store, registry, records, coldLookups, meters, refreshes } = engine;
  const authorizerTasks = checkedAuthorizerTasks(manager, given.authorizerTasks);
  const { reader, documents, tickets, lastPushes } = engine;
  const access = new AccessCheck({ keys, trust, anonymous, hostNames, clock, onKeysFileBroken: onError });
  const peers = new Peers(clock);
  const secrets = new SecretCheck(peers, coldLookups, clock);
  const permissions = new Permissions(access, peers, secrets);
  const limits = new CountedLimits(store, reader, () => clock.now());
  const calls = new CallCounts();
  const gateway = new Gateway({
    tokens: new ManagedTokens(manager as Manager, limits, refreshes),
    hosts: hostsOf(manager, 'manager'),
    clock,
    perSecondOfApp: given.callsPerSecondOfApp,
    onCall(report) {
      calls.note(report);
      callListener(() => given.onCall?.(report));
    },
  });
  const storedTokens = new StoredTokens(store, reader, () => clock.now(), engine);
  const knownTokens = new KnownTokens(storedTokens, registry, clock);
  if (contracts.includes('wechat')) knownTokens.follow(records);
  onAbort(closing.signal, () => void gateway.close().catch(() => {}));
  const report = (error: Error): void => callListener(() => onError(error));
  const services: RouteServices = {
    manager: manager as Manager,
    clock,
    closing,
    store,
    registry,
    records,
    coldLookups,
    meters,
    reader,
    documents,
    tickets,
    lastPushes,
    refreshes,
    start: () => engine.start(),
    deadline: () => engine.deadline(),
    unregisterTask: (key, isStillWanted) => engine.unregisterTask(key, isStillWanted),
    typeNumbers: new TypeNumbers(legacyTypeNumbers),
    censuses: new TaskCensuses(engine),
    access,
    peers,
    secrets,
    gateway,
    calls,
    knownTokens,
    pushes: new PushCounts(registry),
    pushReceiver: contracts.includes('push')
      ? (given.push ??
        receiverOf(engine, manager as Manager & ReceivingManager, {
          authorizerTasks,
          releaseCheck,
          forwarding,
          onError: report,
        }))
      : undefined,
    // The receiver comes first, because the types of tasks that it registers hold for these pages as well.
    merchantPages: contracts.includes('push')
      ? merchantVisitsOf(engine, manager as Manager & ReceivingManager, given)
      : undefined,
    autoRegisters: given.autoRegister ?? false,
  };
  const rules = { allowHosts, publicOnly, notifySecret };
  const hasRules = Object.values(rules).some((rule) => rule !== undefined);
  if (engine.callbacks.attached === undefined || hasRules) createCallbacks(manager, { ...rules, legacyTypeNumbers });
  if ((engine.callbacks.attached?.typeNumbers === 'legacy') !== legacyTypeNumbers) {
    throw new TypeError('legacyTypeNumbers must be the same for the handler and for the callbacks of its manager');
  }

  const routes = contracts.flatMap((name) => ROUTES[name](services));
  const permissionOf: PermissionOf = (request, route, appid) => permissions.of(request, route, appid);
  const handler = serveRoutes(routes, { prefix, clock, permissionOf, onError });
  exposePeers(handler, peers);
  return handler;
}
