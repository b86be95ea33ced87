/** The types in the order of their numbers in the scheduler contract. */
const TYPES = [
  'access_token',
  'jsapi_ticket',
  'oauth2_access_token',
  'component_access_token',
  'authorizer_access_token',
] as const;

/** Converts between the names and the numbers of token types, in the numbering of one server. */
export class TypeNumbers {
  readonly #names: readonly string[];
  readonly #byDigit: ReadonlyMap<string, string>;

  /** @param legacy - whether 1 and 2 are swapped, as in the code of the original, which contradicts its documentation. */
  constructor(legacy: boolean) {
    const [access, jsapi, oauth2, ...rest] = TYPES;
    this.#names = legacy ? [access, oauth2, jsapi, ...rest] : TYPES;
    this.#byDigit = new Map(this.#names.map((name, index) => [String(index), name]));
  }

  /** Returns the name of a type by its number, which may be given as a digit; `undefined` for anything else. */
  name(number: unknown): string | undefined {
    if (typeof number === 'number') return this.#names[number];
    return typeof number === 'string' ? this.#byDigit.get(number) : undefined;
  }

  /** Returns the number of a type by its name; `undefined` for a type without a number. */
  number(name: string): number | undefined {
    const index = this.#names.indexOf(name);
    return index === -1 ? undefined : index;
  }
}
