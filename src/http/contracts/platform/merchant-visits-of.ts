import type { Engine } from '../../../core/engine/engine.js';
import { PlatformApi, type PlatformTokens } from '../../../platform/authorizations/platform-api.js';
import { codeExchangeOf } from '../../../platform/exchanges/code-exchange-of.js';
import { PushedApps } from '../../../platform/pushes/pushed-apps.js';
import { MerchantVisits } from './merchant-visits.js';

export interface MerchantPagesOptions {
  readonly publicUrl?: string | undefined;
  readonly returnUrl?: string | undefined;
}

/** Creates what answers the pages for merchants; `undefined` if the URL is not known under which merchants reach them. */
export function merchantVisitsOf(
  engine: Engine,
  manager: PlatformTokens,
  { publicUrl, returnUrl }: MerchantPagesOptions,
): MerchantVisits | undefined {
  if (publicUrl === undefined) return undefined;
  const { registry, clock } = engine;
  return new MerchantVisits({
    apps: new PushedApps({ registry, clock, opened: () => engine.opened() }),
    registry,
    api: new PlatformApi(manager, engine.upstream, clock),
    exchange: codeExchangeOf(engine, manager),
    clock,
    publicUrl,
    returnUrl,
    deadline: (timeoutMs) => engine.deadline(timeoutMs),
  });
}
