// @ts-check
// This module creates requests as a public server receives them: those of its own clients, and those of scanners,
// guessers and broken tools.
import { randomBytes } from 'node:crypto';

/**
 * @typedef {object} Mixed
 * @property {string} bytes - What is sent.
 * @property {string} from - The address in 127.0.0.0/8 that it comes from, so that the server sees many peers.
 * @property {number} cutAfterMs - After how long the client goes away, answered or not.
 */

/**
 * @param {readonly string[]} appids
 * @param {string} key
 * @returns {Mixed}
 */
export function goodRequest(appids, key) {
  const appid = oneOf(appids);
  const grant = JSON.stringify({ value: randomBytes(60).toString('hex'), expires_in: 60 });
  const [method, path, body] = oneOf([
    ['GET', `/task/${appid}/0`, ''],
    ['GET', `/tokens/${appid}/access_token`, ''],
    ['GET', '/tokens', ''],
    ['GET', '/metrics', ''],
    ['GET', '/readyz', ''],
    ['POST', `/tokens/${appid}/access_token`, grant],
    ['POST', `/tokens/${appid}/access_token/refresh`, JSON.stringify({ stale: randomBytes(60).toString('hex') })],
  ]);
  return { bytes: message(method, path, body, [`Authorization: Bearer ${key}`]), from: '127.0.0.1', cutAfterMs: 5_000 };
}

/**
 * Returns a request that puts a token, whose expiry the server then remembers.
 *
 * @param {string} appid
 * @param {string} key
 * @returns {Mixed}
 */
export function putRequest(appid, key) {
  const grant = JSON.stringify({ value: randomBytes(60).toString('hex'), expires_in: 60 });
  const bytes = message('POST', `/tokens/${appid}/access_token`, grant, [`Authorization: Bearer ${key}`]);
  return { bytes, from: '127.0.0.1', cutAfterMs: 10_000 };
}

/**
 * Returns a request with a wrong key from a peer of its own, which the server then remembers.
 *
 * @param {string} appid
 * @param {number} peer - below 65,536.
 * @returns {Mixed}
 */
export function guessRequest(appid, peer) {
  const bytes = message('GET', `/task/${appid}/0`, '', ['Authorization: Bearer wrong']);
  return { bytes, from: `127.1.${peer >> 8}.${peer & 255}`, cutAfterMs: 10_000 };
}

/**
 * @param {readonly string[]} appids
 * @returns {Mixed}
 */
export function badRequest(appids) {
  const noise = randomBytes(12).toString('hex');
  const from = `127.${below(256)}.${below(256)}.${1 + below(254)}`;
  const bytes = oneOf([
    () => message('GET', `/task/${oneOf(appids)}/0`, '', [`Authorization: Bearer ${noise}`]),
    () => message('GET', `/task/wx${noise}/0?secret=${noise}`),
    () => message('GET', `/${noise}/${noise}?${noise}=${noise}`),
    () => message('POST', '/registe', `{"appid":"wx${noise}"`),
    () => message('POST', '/registe', noise.repeat(4_000)),
    () => message('POST', `/push/${noise}?signature=${noise}&timestamp=1&nonce=${noise}`, '<xml/>'),
    () => message('POST', `/tokens/${noise}/access_token`, '{}', [`X-${noise}: ${noise.repeat(20)}`]),
    () => message('GET', '/tokens', '', ['Origin: http://elsewhere.example', 'Sec-Fetch-Site: cross-site']),
    () => message('GET', '/', '', [`X-${noise}: ${noise.repeat(4_000)}`]),
    () => `${noise}\r\n\r\n`,
    () => message('POST', '/registe', 'short').replace(/Content-Length: \d+/, 'Content-Length: 1000'),
  ])();
  return { bytes, from, cutAfterMs: below(3) === 0 ? 5 : 2_000 };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {string} [body]
 * @param {readonly string[]} [more]
 */
function message(method, path, body = '', more = []) {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...more];
  if (body !== '') lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/**
 * @template T
 * @param {readonly T[]} values
 * @returns {T}
 */
function oneOf(values) {
  return /** @type {T} */ (values[below(values.length)]);
}

/** @param {number} bound */
function below(bound) {
  return Math.floor(Math.random() * bound);
}
