import { errorsIn, isError } from '../core/primitives/foreign-objects.js';

const CONNECT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EMFILE',
  'ENFILE',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'CERT_REVOKED',
  'CERT_REJECTED',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'INVALID_CA',
  'HOSTNAME_MISMATCH',
  'EPROTO',
]);
const CONNECT_CODE_PREFIX = /^(?:EAI_|ERR_TLS_|ERR_SSL_)/;
const CONNECT_SYSCALLS: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);
const TLS_CUT_SHORT = 'Client network socket disconnected before secure TLS connection was established';

/** Reports that the proxy did not open a tunnel. */
export class ProxyFailure extends Error {
  override readonly name: string = 'ProxyFailure';
  /** The code of this error, which must differ from undici's own codes because undici acts on those. */
  readonly code: string;

  /** @param reason - an HTTP status, or the error code of the network. */
  constructor(reason: string | number) {
    super(`The proxy failed with ${reason}`);
    this.code = `PROXY_${reason}`;
  }
}

/**
 * Returns whether a request failed before there was a connection. WeChat has not received it then, and the cause (DNS,
 * network, certificates, proxy) probably lies with this host.
 */
export function isConnectFailure(error: unknown): boolean {
  const first = errorsIn(error)?.[0] ?? error;
  if (!isError(first)) return false;
  if (first instanceof ProxyFailure) return true;
  const { code, syscall } = first as { code?: unknown; syscall?: unknown };
  if (CONNECT_SYSCALLS.has(syscall) || first.message === TLS_CUT_SHORT) return true;
  return typeof code === 'string' && (CONNECT_CODES.has(code) || CONNECT_CODE_PREFIX.test(code));
}
