/** The numbers that the scheduler contract has for types, in their order. */
const TYPES = [
  'access_token',
  'jsapi_ticket',
  'oauth2_access_token',
  'component_access_token',
  'authorizer_access_token',
] as const;

/** Numbers of token types and back, as one server counts them. */
export class TypeNumbers {
  readonly #names: readonly string[];
  readonly #byDigit: ReadonlyMap<string, string>;

  /** @param legacy - 1 and 2 change places, as in the original's code against its own document. */
  constructor(legacy: boolean) {
    const [access, jsapi, oauth2, ...rest] = TYPES;
    this.#names = legacy ? [access, oauth2, jsapi, ...rest] : TYPES;
    this.#byDigit = new Map(this.#names.map((name, index) => [String(index), name]));
  }

  /** Returns the type's name for its number, as a number or as its digit; `undefined` for anything else. */
  name(number: unknown): string | undefined {
    if (typeof number === 'number') return this.#names[number];
    return typeof number === 'string' ? this.#byDigit.get(number) : undefined;
  }

  /** Returns the number of a name; `undefined` for a type that has none. */
  number(name: string): number | undefined {
    const index = this.#names.indexOf(name);
    return index === -1 ? undefined : index;
  }
}
