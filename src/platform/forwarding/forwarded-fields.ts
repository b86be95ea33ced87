import type { PushContent } from '../content/push-content.js';

/**
 * A field of a pushed message: its text, the fields in it, or a list where WeChat has repeated it.
 *
 * @public
 */
export type ForwardedValue = string | ForwardedFields | readonly (string | ForwardedFields)[];

/**
 * The fields of a part of a pushed message, by WeChat's names.
 *
 * @public
 */
export interface ForwardedFields {
  /** A field. */
  readonly [name: string]: ForwardedValue;
}

/** Returns the fields of a content as an object. */
export function fieldsOf({ children }: PushContent): ForwardedFields {
  return Object.fromEntries(
    [...children].map(([name, members]) => {
      const values = members.map((member) => (member.children.size > 0 ? fieldsOf(member) : member.text));
      return [name, values.length === 1 ? (values[0] as string | ForwardedFields) : values];
    }),
  );
}
