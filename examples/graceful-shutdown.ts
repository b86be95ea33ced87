// #region graceful-shutdown
import type { Server } from 'node:http';
import type { TokenManager } from 'wechat-token-manager';

export function closeOnSignal(server: Server, tokens: TokenManager): void {
  const close = (): void => {
    server.close(() => {
      // A refresh whose request has been sent is finished and stored first, which takes 21 s at most.
      tokens.close().catch((error: unknown) => console.error(error));
    });
    setTimeout(() => server.closeAllConnections(), 5_000).unref(); // the limit for requests in progress
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, close);
}
// #endregion
