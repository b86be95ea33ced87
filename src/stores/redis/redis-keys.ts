import { describeValue } from '../../core/primitives/redact.js';

const PREFIX = /^[\x21-\x7e]{1,128}$/;
const TAG = /\{[^}]+\}/;

/** Names all that a store keeps in Redis. One hash tag is in all of the names, so a cluster keeps them on one node. */
export class RedisKeys {
  readonly #base: string;
  /** The highest version that was ever given. The scripts take what the names begin with from it. */
  readonly version: string;
  /** The ids of all documents, in their order. */
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

  /** @param lane - as `laneName` writes it. */
  due(lane: string): string {
    return `${this.#base}due:${lane}`;
  }
}
