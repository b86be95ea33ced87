import { closedError } from '../core/model/errors.js';
import type { Upstream } from '../core/model/refresher.js';
import type { WeChatClientOptions } from './client.js';

/**
 * Returns a client that loads its implementation at the first request, because most starts of a program find all tokens
 * in the store.
 */
export function createLazyWeChatClient(options: WeChatClientOptions): Upstream {
  let client: Promise<Upstream> | undefined;
  let isClosed = false;
  const load = async (): Promise<Upstream> => {
    const { createWeChatClient } = await import('./client.js');
    return createWeChatClient(options);
  };
  return {
    async request(request, how) {
      if (isClosed) throw closedError();
      client ??= load();
      return (await client).request(request, how);
    },
    async close() {
      isClosed = true;
      await (await client)?.close();
    },
  };
}
