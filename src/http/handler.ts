import type { IncomingMessage, ServerResponse } from 'node:http';
import { TypeNumbers } from '../callbacks/contract-type-numbers.js';
import { createCallbacks } from '../callbacks/create-callbacks.js';
import { onAbort } from '../core/concurrency/abort-listeners.js';
import { engineOf } from '../core/engine/engine-of.js';
import { safeCause } from '../core/model/errors.js';
import { isPromise } from '../core/primitives/foreign-objects.js';
import { CountedLimits } from '../core/store/counted-limits.js';
import { CallCounts } from '../gateway/call-counts.js';
import { Gateway } from '../gateway/gateway.js';
import { KnownTokens } from '../gateway/tokens/known-tokens.js';
import { ManagedTokens } from '../gateway/tokens/managed-tokens.js';
import { StoredTokens } from '../gateway/tokens/stored-tokens.js';
import { hostsOf } from '../wechat/hosts-of.js';
import { AccessCheck } from './access/access-check.js';
import { exposePeers, Peers } from './access/peers.js';
import type { Permission } from './access/permission.js';
import { Permissions } from './access/permissions.js';
import { SecretCheck } from './access/secret-check.js';
import { withChallenge } from './challenge.js';
import { ROUTES } from './contract-routes.js';
import { type FetchConnection, FetchHttpRequest, fetchAnswer } from './edges/fetch-edge.js';
import { NodeHttpRequest, sendNodeAnswer, sendNodeAnswerLater } from './edges/node-edge.js';
import { checkedHandlerOptions, type HandlerOptions } from './handler-options.js';
import type { Manager, ServableManager } from './manager/manager.js';
import { TaskCensuses } from './manager/task-census.js';
import { failureOf } from './messages/error-status.js';
import { type HttpAnswer, type HttpRequest, jsonAnswer } from './messages/http-message.js';
import { warnProcess } from './process-warning.js';
import { RequestContext } from './routing/request-context.js';
import { RouteFailure } from './routing/route-failure.js';
import type { RouteServices } from './routing/route-services.js';
import { type Match, type Route, Router } from './routing/router.js';

/**
 * The routes of a token server, for any server to mount.
 *
 * @public
 */
export interface Handler {
  /**
   * The handler for `node:http`, Express, Koa and Fastify. A path that is no route of the library goes to `next`, or is
   * answered with 404.
   *
   * A body that the host has read already is expected as `rawBody` or `body` of the request.
   */
  readonly node: (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void;
  /**
   * The handler for runtimes with `Request` and `Response`. A path that is no route of the library is answered with 404.
   *
   * @param connection - the address of the other end, which `trust` goes by.
   */
  readonly fetch: (request: Request, connection?: FetchConnection) => Promise<Response>;
}

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
  const { keys, trust, anonymous, hostNames, allowHosts, publicOnly, notifySecret } = given;
  const engine = engineOf(manager);
  const { clock, closing, store, registry, records, coldLookups, meters, refreshes } = engine;
  const access = new AccessCheck({ keys, trust, anonymous, hostNames, clock, onKeysFileBroken: onError });
  const peers = new Peers(clock);
  const secrets = new SecretCheck(peers, coldLookups, clock);
  const permissions = new Permissions(access, peers, secrets);
  const limits = new CountedLimits(store, engine.reader, () => clock.now());
  const calls = new CallCounts();
  const gateway = new Gateway({
    tokens: new ManagedTokens(manager as Manager, limits, refreshes),
    hosts: hostsOf(manager, 'manager'),
    clock,
    perSecondOfApp: given.callsPerSecondOfApp,
    onCall(report) {
      calls.note(report);
      guarded(() => given.onCall?.(report));
    },
  });
  const storedTokens = new StoredTokens(store, engine.reader, () => clock.now(), engine);
  const knownTokens = new KnownTokens(storedTokens, registry, clock);
  if (contracts.includes('wechat')) knownTokens.follow(records);
  onAbort(closing.signal, () => void gateway.close().catch(() => {}));
  const services: RouteServices = {
    manager: manager as Manager,
    clock,
    closing,
    store,
    registry,
    records,
    coldLookups,
    meters,
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
    autoRegisters: given.autoRegister ?? false,
  };
  const router = new Router(contracts.flatMap((name) => ROUTES[name](services)));
  const rules = { allowHosts, publicOnly, notifySecret };
  const hasRules = Object.values(rules).some((rule) => rule !== undefined);
  if (engine.callbacks.attached === undefined || hasRules) createCallbacks(manager, { ...rules, legacyTypeNumbers });
  if ((engine.callbacks.attached?.typeNumbers === 'legacy') !== legacyTypeNumbers) {
    throw new TypeError('legacyTypeNumbers must be the same for the handler and for the callbacks of its manager');
  }

  function match(request: HttpRequest): Match | undefined {
    const found = router.match(request.method, request.path);
    return found?.route.accepts?.(request) === false ? undefined : found;
  }

  function failed(error: unknown, request: HttpRequest, { contract }: Route): HttpAnswer {
    const isOurs = error instanceof RouteFailure;
    const failure = isOurs ? error.failure : failureOf(error, clock.now());
    if (failure.status === 500) tell(onError, isOurs ? error : safeCause(error));
    return withChallenge(contract.fail(failure), request);
  }

  /** Answers a request. It creates no closures and promises if nothing has to be awaited, as for most requests. */
  function answer(request: HttpRequest, match: Match): HttpAnswer | Promise<HttpAnswer> {
    const { route, params, allowed } = match;
    try {
      // OPTIONS is refused on every path: only a browser sends it, as the preflight of a request of another origin's page.
      if (request.method === 'OPTIONS') return methodNotAllowed(route, allowed ?? ANY_METHOD);
      if (allowed !== undefined) return methodNotAllowed(route, allowed);
      const permission = permissions.of(request, route, params.get('appid') || undefined);
      const answered = isPromise(permission)
        ? answerLater(request, match, permission)
        : answerAs(request, match, permission);
      return isPromise(answered) ? failedLater(answered, request, route) : answered;
    } catch (error) {
      return failed(error, request, route);
    }
  }

  function failedLater(answered: Promise<HttpAnswer>, request: HttpRequest, route: Route): Promise<HttpAnswer> {
    return answered.catch((error: unknown) => failed(error, request, route));
  }

  const handler: Handler = {
    node(request, response, next) {
      const url = withoutPrefix(request.url ?? '', prefix);
      const received = url === undefined ? undefined : new NodeHttpRequest(request, response, url, clock);
      const found = received === undefined ? undefined : match(received);
      if (received === undefined || found === undefined) {
        if (next === undefined) sendNodeAnswer(request, response, NOT_FOUND, clock);
        else next();
        return;
      }
      const answered = answer(received, found);
      if (isPromise(answered)) sendNodeAnswerLater(request, response, answered, clock);
      else sendNodeAnswer(request, response, answered, clock);
    },
    async fetch(request, connection = {}) {
      const { pathname, search } = new URL(request.url);
      const path = withoutPrefix(pathname, prefix);
      const received =
        path === undefined ? undefined : new FetchHttpRequest(request, path, search.slice(1), connection, clock);
      const found = received === undefined ? undefined : match(received);
      if (received === undefined || found === undefined) return fetchAnswer(NOT_FOUND);
      return fetchAnswer(await answer(received, found));
    },
  };
  exposePeers(handler, peers);
  return handler;
}

function answerAs(
  request: HttpRequest,
  { route, params }: Match,
  permission: Permission,
): HttpAnswer | Promise<HttpAnswer> {
  const context = new RequestContext(request, params, permission);
  if (route.scope !== 'open') context.require(route.scope, params.get('appid') || undefined);
  return route.answer(context);
}

async function answerLater(request: HttpRequest, match: Match, permission: Promise<Permission>): Promise<HttpAnswer> {
  return answerAs(request, match, await permission);
}

/** Reports an error. */
function tell(onError: (error: Error) => void, error: Error): void {
  guarded(() => onError(error));
}

/** Calls a listener. One that throws must not prevent the answer. */
function guarded(listener: () => void): void {
  try {
    listener();
  } catch (thrown) {
    warnProcess(safeCause(thrown));
  }
}

const NOT_FOUND = jsonAnswer(404, { status: 404, detail: 'there is no such route' });

const ANY_METHOD = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

function methodNotAllowed({ contract }: Route, allowed: readonly string[]): HttpAnswer {
  const methods = allowed.join(', ');
  const answer = contract.fail({ status: 405, message: `this path takes ${methods}` });
  return { ...answer, headers: { ...answer.headers, Allow: methods } };
}

function withoutPrefix(url: string, prefix: string): string | undefined {
  if (prefix === '') return url;
  return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : undefined;
}
