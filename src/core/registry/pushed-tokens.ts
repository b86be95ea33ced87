import { dependenciesOf } from '../model/dependencies.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import type { Fingerprint } from '../records/fingerprint.js';
import type { RecordCache } from '../records/record-cache.js';
import { fingerprintOf } from './attempt-input.js';
import type { Registry } from './registry.js';

export interface PushedTokensParts {
  readonly types: readonly string[];
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly registry: Registry;
  readonly cache: RecordCache;
}

/** Finds the tokens that WeChat pushes, and the keys that wait for them. */
export class PushedTokens {
  readonly #parts: PushedTokensParts;

  constructor(parts: PushedTokensParts) {
    this.#parts = parts;
  }

  isPushed(type: string): boolean {
    return this.#parts.refresherOf(type)?.pushed === true;
  }

  /** Returns whether a record of this pushed token is cached, which other keys may wait for. */
  isHeld(key: TokenKey): boolean {
    return this.isPushed(key.type) && this.#parts.cache.get(key) !== undefined;
  }

  /** Returns those of the keys that are pushed and have no cached record. */
  missing(keys: readonly TokenKey[]): readonly TokenKey[] {
    return keys.filter((key) => this.isPushed(key.type) && this.#parts.cache.get(key) === undefined);
  }

  /** Returns the dependencies of a key; none if `dependsOn` throws, which the refresh reports. */
  dependenciesOf(key: TokenKey): readonly TokenKey[] {
    try {
      return dependenciesOf(key, this.#parts.refresherOf(key.type));
    } catch {
      return [];
    }
  }

  /** Returns the fingerprint of the input that an attempt for this key would use now. */
  fingerprint(key: TokenKey): Fingerprint {
    const { registry, cache } = this.#parts;
    const pushed = this.#pushedFor(key).map((needed) => {
      const held = cache.get(needed);
      return { version: held?.version ?? 0, value: held?.value };
    });
    return fingerprintOf(key, registry, pushed);
  }

  /** Returns the keys of cached tasks that need this token. */
  dependentsOf(key: TokenKey): readonly TokenKey[] {
    return [...this.#parts.registry.tasksOf(key.appid)]
      .map((task) => task.key)
      .filter((waiting) => this.#needs(waiting, key));
  }

  /** Returns the keys of the app itself that need this token, with or without a task. */
  keysThatNeed(key: TokenKey): readonly TokenKey[] {
    const keys = this.#parts.types.map((type) => ({ appid: key.appid, type }));
    return keys.filter((waiting) => this.#needs(waiting, key));
  }

  #needs(waiting: TokenKey, key: TokenKey): boolean {
    return this.#pushedFor(waiting).some((needed) => keyId(needed) === keyId(key));
  }

  #pushedFor(key: TokenKey): readonly TokenKey[] {
    return this.dependenciesOf(key).filter(({ type }) => this.isPushed(type));
  }
}
