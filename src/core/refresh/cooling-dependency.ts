import { dependenciesOf } from '../model/dependencies.js';
import { type TokenError, withFacts } from '../model/errors.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { RecordReader } from '../records/record-reader.js';
import type { StoreClock } from '../store/store-clock.js';
import type { State } from './state.js';

export interface CoolingParts extends State {
  readonly clock: StoreClock;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly recordReader: RecordReader;
}

/**
 * Returns why a token that a key depends on is unavailable for now: its refresh has failed or lacks an input, and it is
 * not requested again before `retryAt`. A refresh without a waiting caller must not request it earlier.
 */
export async function coolingDependency(key: TokenKey, parts: CoolingParts): Promise<TokenError | undefined> {
  const { clock, registry, records, retryStates, refresherOf, coolDowns, recordReader } = parts;
  const task = registry.task(key);
  for (const dependency of dependenciesIn(key, refresherOf)) {
    const isPushed = refresherOf(dependency.type)?.pushed === true;
    // The params of the task may contain the token.
    const isOwnTask = registry.task(dependency) !== undefined || task?.params === undefined;
    if (isPushed || !isOwnTask) continue;
    if (!registry.holdsAll && records.cache.get(dependency) === undefined) await recordReader.read(dependency);
    const held = records.cache.get(dependency);
    if (held !== undefined && records.leftMs(held) > 0) continue;
    const failure = retryStates.active(dependency, false);
    if (failure !== undefined) return failure.error();
    const leftMs = coolDowns.leftMs(dependency);
    const lack = leftMs > 0 ? coolDowns.lackOf(dependency) : undefined;
    if (lack !== undefined) return withFacts(lack, { retryAt: clock.now() + leftMs });
  }
  return undefined;
}

/** Returns the dependencies of a key; none if `dependsOn` throws, which the refresh reports. */
function dependenciesIn(key: TokenKey, refresherOf: CoolingParts['refresherOf']): readonly TokenKey[] {
  try {
    return dependenciesOf(key, refresherOf(key.type));
  } catch {
    return [];
  }
}
