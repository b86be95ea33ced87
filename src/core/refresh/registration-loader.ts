import type { TokenKey } from '../model/token-key.js';
import type { RecordReader } from '../records/record-reader.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';

/** Reads the registrations that have to be known before keys are refreshed. */
export class RegistrationLoader {
  readonly #registry: Registry;
  readonly #pushed: PushedTokens;
  readonly #recordReader: RecordReader;

  constructor(registry: Registry, pushed: PushedTokens, recordReader: RecordReader) {
    this.#registry = registry;
    this.#pushed = pushed;
    this.#recordReader = recordReader;
  }

  /** Reads the registrations of these keys and of their dependencies, as far as they are not cached. */
  async load(keys: readonly TokenKey[]): Promise<void> {
    const needed = keys.flatMap((key) => this.#pushed.dependenciesOf(key));
    await this.#registry.load([...keys, ...needed]);
    if (this.#registry.holdsAll) return;
    await Promise.all(this.#pushed.missing(needed).map((key) => this.#recordReader.read(key)));
  }
}
