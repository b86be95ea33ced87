/** What the members of the fleet say to the demo. Instants are `Date.now()`, the same for all of them. */
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

/** One `get` that has answered at `at`; `value` is absent when it failed. */
export interface Reading {
  readonly appid: string;
  readonly at: number;
  readonly waitedMs: number;
  readonly value?: string;
  readonly error?: string;
}

/** What a member is started with. */
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
