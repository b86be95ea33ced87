import { isJsonObject, type JsonValue } from '../core/json.js';
import type { WeChatRequest } from '../core/refresher.js';

const SHORTEST_SECRET = 8;
const PUBLIC_NAMES = /(?:appid|grant_type|openid)$/;

/** Removes from foreign text what a request carried, and the app's secret, for the case that an answer repeats it. */
export function hideSecrets(text: string, request: WeChatRequest, secret?: string): string {
  const secrets = [...valuesOf(request.query ?? {}), ...valuesOf(request.body ?? null), ...valuesOf(secret)];
  const spellings = secrets.flatMap(spellingsOf);
  spellings.sort((a, b) => b.length - a.length);
  return spellings.reduce((hidden, secret) => hidden.replaceAll(secret, '[redacted]'), text);
}

function spellingsOf(secret: string): string[] {
  const encoded = encodeURIComponent(secret);
  const encodedInLowerCase = encoded.replace(/%../g, (code) => code.toLowerCase());
  return [secret, encoded, encodedInLowerCase, encoded.replaceAll('%20', '+'), JSON.stringify(secret).slice(1, -1)];
}

function valuesOf(value: JsonValue | undefined, name = ''): string[] {
  if (typeof value === 'string') return value.length < SHORTEST_SECRET || PUBLIC_NAMES.test(name) ? [] : [value];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => valuesOf(item, name));
  return isJsonObject(value) ? Object.entries(value).flatMap(([key, item]) => valuesOf(item, key)) : [];
}
