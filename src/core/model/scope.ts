import type { JsonObject } from '../primitives/json.js';

/** The narrower scope that each wider one includes: both give the openid. */
const IMPLIED: ReadonlyMap<string, string> = new Map([['snsapi_userinfo', 'snsapi_base']]);

/** The fields in which the scopes of a grant stand. */
export interface Scoped {
  readonly scope?: string;
  readonly result?: JsonObject;
}

/** Returns a grant that was got with the refresh token of another one: it has the same scopes, where it does not say which. */
export function withScopesOf<Granted extends Scoped>(grant: Granted, source: Scoped | undefined): Granted {
  const scope = source === undefined || scopesOf(grant).size > 0 ? undefined : scopeOf(source);
  return scope === undefined ? grant : { ...grant, scope };
}

/**
 * Tells whether all scopes of a grant are among those of another one that has more. It is false where the scopes of either
 * are unknown.
 */
export function isNarrower(grant: Scoped, other: Scoped): boolean {
  const scopes = scopesOf(grant);
  const others = scopesOf(other);
  return scopes.size > 0 && scopes.size < others.size && [...scopes].every((scope) => others.has(scope));
}

/** Returns the scopes as a grant says them; `undefined` where it does not. */
export function scopeOf({ scope, result }: Scoped): string | undefined {
  const answered = result?.['scope'];
  return scope ?? (typeof answered === 'string' ? answered : undefined);
}

function scopesOf(grant: Scoped): ReadonlySet<string> {
  const text = scopeOf(grant);
  const named = typeof text === 'string' ? text.split(/[\s,]+/).filter((name) => name !== '') : [];
  return new Set(named.flatMap((name) => [name, IMPLIED.get(name) ?? name]));
}
