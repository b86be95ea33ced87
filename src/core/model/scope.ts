import type { JsonObject } from '../primitives/json.js';

/** The narrower scope that is included in each wider one. Both give the openid. */
const IMPLIED: ReadonlyMap<string, string> = new Map([['snsapi_userinfo', 'snsapi_base']]);

/** The fields that contain the scopes of a grant. */
export interface Scoped {
  readonly scope?: string;
  readonly result?: JsonObject;
}

/**
 * Returns a grant with the scopes of the one whose refresh token it was obtained with, unless the grant states its own.
 */
export function withScopesOf<Granted extends Scoped>(grant: Granted, source: Scoped | undefined): Granted {
  const scope = source === undefined || scopesOf(grant).size > 0 ? undefined : scopeOf(source);
  return scope === undefined ? grant : { ...grant, scope };
}

/**
 * Returns whether the scopes of a grant are a proper subset of those of another one. It is false if the scopes of
 * either are unknown.
 */
export function isNarrower(grant: Scoped, other: Scoped): boolean {
  const scopes = scopesOf(grant);
  const others = scopesOf(other);
  return scopes.size > 0 && scopes.size < others.size && [...scopes].every((scope) => others.has(scope));
}

/** Returns the scopes as a grant states them; `undefined` if it does not. */
export function scopeOf({ scope, result }: Scoped): string | undefined {
  const answered = result?.['scope'];
  return scope ?? (typeof answered === 'string' ? answered : undefined);
}

function scopesOf(grant: Scoped): ReadonlySet<string> {
  const text = scopeOf(grant);
  const named = typeof text === 'string' ? text.split(/[\s,]+/).filter((name) => name !== '') : [];
  return new Set(named.flatMap((name) => [name, IMPLIED.get(name) ?? name]));
}
