/** What becomes of connections on which no request is under way: closed at once, or when the client had time to notice. */
export type IdleConnections = 'close' | 'wait';

/** From the process that listens to the one that answers. A connection comes with its socket. */
export type ToWorker = { readonly kind: 'connection' } | { readonly kind: 'stop'; readonly idle: IdleConnections };

/** From the process that answers, once it can, or why it never will. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly isUsage: boolean };
