import type { Gateway, GatewayAnswer, GatewayCall } from '../../gateway/gateway.js';
import { GatewayFailure } from '../../gateway/gateway-failure.js';
import { hasFewPieces, isPlainQuery } from '../../gateway/query-pieces.js';
import type { ArrivingBody } from '../../gateway/request-body.js';
import type { RequestContext } from './request-context.js';
import { badRequest, RouteFailure } from './route-failure.js';

/** The parts of a call that do not follow from the request. */
export interface ForwardedCall
  extends Pick<GatewayCall, 'appid' | 'token' | 'isTokenHidden' | 'assertAllowed' | 'path' | 'keyId' | 'isOpen'> {
  /** Whether the call goes on when its caller has gone, because WeChat gives what is in its answer only once. */
  readonly outlivesCaller?: boolean;
}

const NEVER_GONE = (): (() => void) => () => {};

/**
 * Asserts that a request can be forwarded as a call.
 *
 * @throws RouteFailure for a HEAD request, one that would change the protocol, and a query that is not encoded or has
 * too many parameters.
 */
export function assertForwardable({ request }: RequestContext): void {
  if (request.isHead || changesProtocol(request.header('upgrade'))) {
    throw new RouteFailure({ status: 405, message: 'a call must be a GET or POST request without Upgrade' });
  }
  if (!isPlainQuery(request.search)) throw badRequest('the query must be encoded, in printable ASCII characters');
  if (!hasFewPieces(request.search)) throw badRequest('the query has more than 256 parameters');
}

/**
 * Returns whether a request depends on another protocol. Java's HTTP client and others that only prefer HTTP/2 offer `h2c` with
 * each request over plain HTTP, and go on with HTTP/1.1 where the offer is ignored (RFC 9110, section 7.8).
 */
function changesProtocol(upgrade: string | undefined): boolean {
  return upgrade !== undefined && upgrade.trim().toLowerCase() !== 'h2c';
}

/**
 * Forwards a request to WeChat.
 *
 * @param body - the body; by default that of the request.
 * @throws RouteFailure if there is no answer; a `TokenError` if there is no token.
 */
export async function forward(
  context: RequestContext,
  gateway: Gateway,
  call: ForwardedCall,
  body?: ArrivingBody,
): Promise<GatewayAnswer> {
  const { request } = context;
  const { appid, token, isTokenHidden, assertAllowed, path, keyId, isOpen, outlivesCaller = false } = call;
  try {
    // The fields are listed, because an object that is spread and then extended takes microseconds to create.
    return await gateway.call({
      appid,
      token,
      isTokenHidden,
      assertAllowed,
      path,
      keyId,
      isOpen,
      method: request.method === 'POST' ? 'POST' : 'GET',
      query: request.search,
      header: (name) => request.header(name),
      body: body ?? bodyOf(context),
      whenGone: outlivesCaller ? NEVER_GONE : (listener) => request.whenGone(listener),
    });
  } catch (error) {
    if (!(error instanceof GatewayFailure)) throw error;
    const { status, message, reason } = error;
    throw new RouteFailure({ status, message, ...(reason === 'limit' && { retryAfterSeconds: 1 }) });
  }
}

function bodyOf(context: RequestContext): ArrivingBody | undefined {
  const encoding = context.request.header('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new RouteFailure({ status: 415, message: 'a body must be sent without Content-Encoding' });
  }
  return context.arrivingBody();
}
