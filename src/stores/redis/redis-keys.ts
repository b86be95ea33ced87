import { describeValue } from '../../core/primitives/redact.js';

const PREFIX = /^[\x21-\x7e]{1,128}$/;
const TAG = /\{[^}]+\}/;

/** Names all keys of a store. They share one hash tag, so that a cluster keeps them on one node. */
export class RedisKeys {
  readonly #base: string;
  /** The key of the highest version that was ever assigned. The scripts derive the prefix of the other names from it. */
  readonly version: string;
  /** The key of the sorted set of all ids. */
  readonly ids: string;
  /** The channel on which changes are published. */
  readonly channel: string;

  constructor(prefix: string) {
    if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
      throw new TypeError(
        `prefix must be 1 to 128 printable ASCII characters without spaces, got ${describeValue(prefix)}`,
      );
    }
    this.#base = TAG.test(prefix) ? `${prefix}:` : `{${prefix}}:`;
    this.version = `${this.#base}version`;
    this.ids = `${this.#base}ids`;
    this.channel = `${this.#base}changes`;
  }

  document(id: string): string {
    return `${this.#base}doc:${id}`;
  }

  lease(id: string): string {
    return `${this.#base}lease:${id}`;
  }

  /** @param lane - the lane, in the form that `laneName` returns. */
  due(lane: string): string {
    return `${this.#base}due:${lane}`;
  }
}
