import type { Clock } from '../../../src/core/concurrency/clock.js';
import type { Upstream } from '../../../src/core/model/refresher.js';
import { createWeChatClient, type WeChatClientOptions } from '../../../src/wechat/client.js';
import { Origins, parseOrigins, parseProxy } from '../../../src/wechat/origins.js';

interface ClientOptions {
  readonly origins: readonly string[];
  readonly proxy?: string;
  readonly clock: Clock;
}

/** Creates a client of WeChat's API for these URLs, checked as the manager checks its options. */
export function clientOf(options: ClientOptions): Upstream {
  return createWeChatClient(checked(options));
}

function checked({ origins, proxy, clock }: ClientOptions): WeChatClientOptions {
  return { origins: new Origins(parseOrigins(origins), clock), proxy: parseProxy(proxy), clock };
}
