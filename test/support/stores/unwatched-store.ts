import type { TokenStore } from '../../../src/index.js';

/** Returns the store without `watch`: its manager polls it each minute. */
export function unwatched(store: TokenStore): TokenStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'watch') return undefined;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
