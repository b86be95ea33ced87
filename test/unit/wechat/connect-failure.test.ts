import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { isConnectFailure, ProxyFailure } from '../../../src/wechat/connect-failure.js';

function withFields(fields: object, message = 'failed'): Error {
  return Object.assign(new Error(message), fields);
}

describe('isConnectFailure', () => {
  it.each([
    withFields({ code: 'ECONNREFUSED' }),
    withFields({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
    withFields({ code: 'EAI_AGAIN' }),
    withFields({ code: 'EHOSTUNREACH' }),
    withFields({ code: 'ETIMEDOUT', syscall: 'connect' }),
    withFields({ code: 'ECONNRESET', syscall: 'connect' }),
    withFields({ code: 'UND_ERR_CONNECT_TIMEOUT' }),
    withFields({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    withFields({ code: 'CERT_HAS_EXPIRED' }),
    withFields({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
    withFields({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }),
    withFields({ code: 'EPROTO' }),
    withFields(
      { code: 'ECONNRESET' },
      'Client network socket disconnected before secure TLS connection was established',
    ),
    new AggregateError([withFields({ code: 'ETIMEDOUT', syscall: 'connect' })]),
    runInNewContext("Object.assign(new Error('failed'), { code: 'ECONNREFUSED' })"),
    runInNewContext("new AggregateError([Object.assign(new Error('failed'), { syscall: 'connect' })])"),
    new ProxyFailure(407),
    new ProxyFailure('UND_ERR_SOCKET'),
  ])('an error before the connection is a connect failure: %s', (error) => expect(isConnectFailure(error)).toBe(true));

  it.each([
    withFields({ code: 'ECONNRESET', syscall: 'read' }),
    withFields({ code: 'EPIPE', syscall: 'write' }),
    withFields({ code: 'ETIMEDOUT', syscall: 'read' }),
    withFields({ code: 'UND_ERR_SOCKET' }),
    withFields({ code: 'HPE_INVALID_CONSTANT' }),
    withFields({ code: 7 }),
    new Error('failed'),
    new AggregateError([]),
    'ECONNREFUSED',
    undefined,
  ])('an error after the connection is no connect failure: %s', (error) => expect(isConnectFailure(error)).toBe(false));
});
