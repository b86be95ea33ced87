import { canonicalJson } from '../primitives/checksum.js';
import type { JsonObject, JsonValue } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import type { RetryState } from '../store/key-document.js';

/**
 * The parts of an attempt's input that matter to WeChat. `true` stands for the result of a params function, which is
 * unknown.
 */
type Input = readonly [
  secret: string | null,
  accessToken: string | null,
  params: JsonObject | string | true | null,
  ...pushed: (string | null)[],
];

const LENGTH = 16;
const PUSHED_FROM = 3;

/**
 * Distinguishes the inputs of attempts. A fingerprint is taken before the request, so that input which is registered or
 * pushed meanwhile does not count as failed.
 */
export class Fingerprint {
  /** The versions of the registration and of pushed tokens, the only part that earlier releases compare. */
  readonly registration: string;
  readonly #input: Input;
  #hash: string | undefined;

  constructor(registration: string, input: Input) {
    this.registration = registration;
    this.#input = input;
  }

  /**
   * Returns a hash of the input that matters to WeChat. A changed `notify` or a rewritten document leaves it the same.
   * The hash is computed on first use, since a refresh that succeeds does not need it.
   */
  get input(): string {
    this.#hash ??= this.#hashed();
    return this.#hash;
  }

  /** Returns whether an attempt with the other fingerprint would be made with the same input. */
  hasSameInput(other: Fingerprint): boolean {
    const isIdentical =
      this.#input.length === other.#input.length && this.#input.every((part, index) => part === other.#input[index]);
    return isIdentical || this.input === other.input;
  }

  #hashed(): string {
    const [secret, accessToken, params] = this.#input;
    const pushed = this.#input.slice(PUSHED_FROM) as (string | null)[];
    return inputHash([secret, accessToken, params, pushed]);
  }
}

/** Returns the hash under which a part of an input is stored, since the part may contain secrets. */
export function inputHash(part: JsonValue): string {
  return secretHash(canonicalJson(part)).slice(0, LENGTH);
}

/** Returns whether a recorded attempt was made with this input. */
export function isMadeWith(trying: Pick<RetryState, 'registration' | 'input'>, fingerprint: Fingerprint): boolean {
  return trying.input === undefined
    ? trying.registration === fingerprint.registration
    : trying.input === fingerprint.input;
}
