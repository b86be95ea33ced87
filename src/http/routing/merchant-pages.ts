import type { HttpAnswer } from '../messages/http-message.js';
import type { RequestContext } from './request-context.js';

/** The pages at which merchants authorize platforms. */
export interface MerchantPages {
  /** The URL under which browsers reach the pages, without a slash at its end. */
  readonly publicUrl: string;
  /** Answers with the page from which a merchant goes to WeChat. */
  start(context: RequestContext): Promise<HttpAnswer>;
  /** Answers a merchant whom WeChat sends back. */
  comeBack(context: RequestContext): Promise<HttpAnswer>;
}
