import { dependenciesOf } from '../model/dependencies.js';
import { type TokenError, withFacts } from '../model/errors.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { Failures } from '../records/failures.js';
import type { Records } from '../records/records.js';
import type { Setbacks } from '../records/setbacks.js';
import type { Registry } from '../registry/registry.js';
import type { StoreClock } from '../store/store-clock.js';

export interface CoolingParts {
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly setbacks: Setbacks;
  /** Brings what is known of a key up to date with the store. */
  readonly read: (key: TokenKey) => Promise<unknown>;
}

/**
 * Returns why a token that a key depends on cannot be had for now: it has failed, or lacks something itself, and is not asked
 * for again before `retryAt`. A refresh without a waiting caller must not ask for it earlier.
 */
export async function coolingDependency(key: TokenKey, parts: CoolingParts): Promise<TokenError | undefined> {
  const { clock, registry, records, failures, refresherOf, setbacks, read } = parts;
  const task = registry.task(key);
  for (const dependency of dependenciesIn(key, refresherOf)) {
    const isPushed = refresherOf(dependency.type)?.pushed === true;
    // Its params may bring it.
    const isOwnTask = registry.task(dependency) !== undefined || task?.params === undefined;
    if (isPushed || !isOwnTask) continue;
    if (!registry.holdsAll && records.cache.get(dependency) === undefined) await read(dependency);
    const held = records.cache.get(dependency);
    if (held !== undefined && records.leftMs(held) > 0) continue;
    const failure = failures.active(dependency, false);
    if (failure !== undefined) return failure.error();
    const leftMs = setbacks.leftMs(dependency);
    const lack = leftMs > 0 ? setbacks.lackOf(dependency) : undefined;
    if (lack !== undefined) return withFacts(lack, { retryAt: clock.now() + leftMs });
  }
  return undefined;
}

/** Returns the dependencies; none where `dependsOn` fails, which the refresh reports. */
function dependenciesIn(key: TokenKey, refresherOf: CoolingParts['refresherOf']): readonly TokenKey[] {
  try {
    return dependenciesOf(key, refresherOf(key.type));
  } catch {
    return [];
  }
}
