/** A message from a member of the fleet to the demo. Its times are `Date.now()`, the same clock for all of them. */
export type FromMember =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'refreshed';
      readonly at: number;
      readonly appid: string;
      readonly version: number;
      readonly source: 'upstream' | 'store' | 'put';
      readonly expiresAt: number;
      readonly dueAt: number;
    }
  | { readonly kind: 'failed'; readonly at: number; readonly appid: string; readonly message: string }
  | { readonly kind: 'read'; readonly readings: readonly Reading[] };

/** A `get` that has answered at `at`; `value` is absent if it failed. */
export interface Reading {
  readonly appid: string;
  readonly at: number;
  readonly waitedMs: number;
  readonly value?: string;
  readonly error?: string;
}

/** The input with which a member is started. */
export interface MemberInput {
  readonly origin: string;
  readonly url: string;
  readonly name: string;
  readonly follows: boolean;
}

export const APPIDS: readonly string[] = Array.from({ length: 10 }, (_, index) => `wx-shop-${index}`);

export function secretOf(appid: string): string {
  return `secret-of-${appid}`;
}
