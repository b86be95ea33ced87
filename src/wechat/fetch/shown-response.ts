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
    // A response without a form of its own is shown with its inner fields, and that of node-fetch has the URL in one of them.
    const shown = (): object => ({ status: response.status, url, headers: response.headers });
    Reflect.defineProperty(response, INSPECT, { value: shown, configurable: true });
  }
  if (typeof clone === 'function') {
    const shownClone = (): Response => showWithoutToken(clone.call(response) as Response, url);
    Reflect.defineProperty(response, 'clone', { value: shownClone, configurable: true });
  }
  return response;
}
