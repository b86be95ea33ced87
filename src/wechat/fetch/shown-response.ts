import { describeKind, INSPECT } from '../../core/primitives/redact.js';

/**
 * Makes a response show its URL without the token, in `url` and when it is logged, and the same of its clones.
 *
 * @param url - the URL without the token.
 * @throws TypeError for something that is no object.
 */
export function showWithoutToken(response: Response, url: string): Response {
  if (typeof response !== 'object' || response === null) {
    throw new TypeError(`fetch must return a Response, got ${describeKind(response)}`);
  }
  const clone: unknown = response.clone;
  Reflect.defineProperty(response, 'url', { value: url, configurable: true });
  if (!(INSPECT in response)) {
    // Without this, `inspect` shows the inner fields of a response, one of which has the URL in that of node-fetch.
    const shown = (): object => ({ status: response.status, url, headers: response.headers });
    Reflect.defineProperty(response, INSPECT, { value: shown, configurable: true });
  }
  if (typeof clone === 'function') {
    const shownClone = (): Response => showWithoutToken(clone.call(response) as Response, url);
    Reflect.defineProperty(response, 'clone', { value: shownClone, configurable: true });
  }
  return response;
}
