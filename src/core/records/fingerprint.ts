import { canonicalJson } from '../primitives/checksum.js';
import type { JsonObject, JsonValue } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import type { RetryState } from '../store/key-document.js';

/** The parts of an attempt's input that matter to WeChat. `true` stands for what a params function will return: it is unknown. */
type Input = readonly [
  secret: string | null,
  accessToken: string | null,
  params: JsonObject | string | true | null,
  ...pushed: (string | null)[],
];

const LENGTH = 16;
const PUSHED_FROM = 3;

/**
 * Distinguishes the inputs of attempts. It is taken before the request: what is registered or pushed meanwhile has not
 * failed yet.
 */
export class Fingerprint {
  /** The versions of what is registered and pushed: all that releases before this one compare. */
  readonly registration: string;
  readonly #input: Input;
  #hash: string | undefined;

  constructor(registration: string, input: Input) {
    this.registration = registration;
    this.#input = input;
  }

  /**
   * Returns a hash of what matters to WeChat: a change of `notify`, or a document that was written anew, is the same input.
   * It is computed when it is first asked for, since a refresh that succeeds has no use for it.
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

/** Returns the hash by which a part of an input is stored: it may hold secrets. */
export function inputHash(part: JsonValue): string {
  return secretHash(canonicalJson(part)).slice(0, LENGTH);
}

/** Returns whether an attempt that was recorded was made with this input. */
export function isMadeWith(trying: Pick<RetryState, 'registration' | 'input'>, fingerprint: Fingerprint): boolean {
  return trying.input === undefined
    ? trying.registration === fingerprint.registration
    : trying.input === fingerprint.input;
}
