/*
 * The part of saxes that a test uses. The package's own declarations do not compile with the strictness of this one.
 */
export declare class SaxesParser {
  on(event: 'text' | 'cdata', handler: (text: string) => void): void;
  on(event: 'opentag', handler: (tag: { readonly name: string }) => void): void;
  on(event: 'closetag', handler: () => void): void;
  /** Parses text. Without a handler of errors it throws the first one. */
  write(text: string): this;
  close(): this;
}
