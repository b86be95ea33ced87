/** The part of Koa that the tests use; its own types do not compile beside newer packages. */
declare module 'koa' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

  interface Context {
    readonly req: IncomingMessage;
    readonly res: ServerResponse;
    respond: boolean;
  }

  // biome-ignore lint/style/noDefaultExport: that is how Koa exports it
  export default class Koa {
    use(middleware: (context: Context) => void): this;
    callback(): RequestListener;
  }
}
