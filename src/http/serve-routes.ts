import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/concurrency/clock.js';
import { safeCause } from '../core/model/errors.js';
import { isPromise } from '../core/primitives/foreign-objects.js';
import type { Permission } from './access/permission.js';
import type { RouteAccess } from './access/route-access.js';
import { withChallenge } from './challenge.js';
import { type FetchConnection, FetchHttpRequest, fetchAnswer } from './edges/fetch-edge.js';
import { NodeHttpRequest, sendNodeAnswer, sendNodeAnswerLater } from './edges/node-edge.js';
import { failureOf } from './messages/error-status.js';
import { type HttpAnswer, type HttpRequest, jsonAnswer } from './messages/http-message.js';
import { callListener } from './process-warning.js';
import { RequestContext } from './routing/request-context.js';
import { RouteFailure } from './routing/route-failure.js';
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

/** Returns the permission of a request for a route. */
export type PermissionOf = (
  request: HttpRequest,
  route: RouteAccess,
  appid: string | undefined,
) => Permission | Promise<Permission>;

export interface ServedRoutesOptions {
  /** The path below which the routes are. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly permissionOf: PermissionOf;
  /** Receives errors that are no failure of a request. */
  onError(error: Error): void;
}

/** Makes routes answer the requests of any server. */
export function serveRoutes(routes: readonly Route[], options: ServedRoutesOptions): Handler {
  const { prefix, clock, permissionOf, onError } = options;
  const router = new Router(routes);

  function match(request: HttpRequest): Match | undefined {
    const found = router.match(request.method, request.path);
    return found?.route.accepts?.(request) === false ? undefined : found;
  }

  function failed(error: unknown, request: HttpRequest, { contract }: Route): HttpAnswer {
    const isOurs = error instanceof RouteFailure;
    const failure = isOurs ? error.failure : failureOf(error, clock.now());
    if (failure.status === 500) callListener(() => onError(isOurs ? error : safeCause(error)));
    return withChallenge(contract.fail(failure), request);
  }

  /** Answers a request. It creates no closures and promises if nothing has to be awaited, as for most requests. */
  function answer(request: HttpRequest, match: Match): HttpAnswer | Promise<HttpAnswer> {
    const { route, params, allowed } = match;
    try {
      // OPTIONS is refused on every path: only a browser sends it, as the preflight of a request of another origin's page.
      if (request.method === 'OPTIONS') return methodNotAllowed(route, allowed ?? ANY_METHOD);
      if (allowed !== undefined) return methodNotAllowed(route, allowed);
      const permission = permissionOf(request, route, params.get('appid') || undefined);
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

  return {
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
