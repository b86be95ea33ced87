import { createHash } from 'node:crypto';
import { LONGEST_LEASE_MS } from '../lease-end.js';

export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** A script that publishes its change, and a variant that leaves this to a command after it. */
export interface PublishingScript {
  readonly publishing: RedisScript;
  readonly silent: RedisScript;
}

/**
 * The start of all scripts.
 *
 * The proxies of hosted clusters read a script before they pass it on, and refuse a script whose commands use a key other
 * than a literal `KEYS[1]`, `KEYS[2]`, ...: computed indexes, names that the script creates, `unpack`, and nested
 * commands are not allowed. A script for a variable number of keys is therefore generated for each number. `KEYS[1]` is
 * the key of the versions in all but `readScript`. It is declared even where a script does not use it, because a cluster
 * that is moving the keys, with some here and some there, then refuses the script.
 */
const COMMON = `
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(micros / 1000)

local function digits(number)
  return string.format('%.0f', number)
end

local function foreign()
  return redis.error_reply('FOREIGN value')
end

-- The version of a document, and when and in which lane it is due; nothing of what is none.
local function head(text)
  local version, at, lane = string.match(text, '^{"version":(%d+),"due":{"at":(-?%d[%d.eE+-]*),"lane":"(.-)"},"data":{')
  if not version then version = string.match(text, '^{"version":(%d+),"data":{') end
  return version, at, lane
end

-- A leased document stands in its lane with the time when the lease expires, so that no claim looks at it before.
local function score(at, lapse)
  if lapse and lapse > tonumber(at) then return digits(lapse) end
  return at
end

-- Whether a held lease counts as free. One that ends too far ahead was granted before the clock was set back. One
-- without an end was written by a tool that restored or copied the keys without their expiry.
local function isVoid(left, ttl)
  return left == -1 or left > math.max(2 * tonumber(ttl), ${LONGEST_LEASE_MS})
end

-- When a lease expires that is held for so many milliseconds more.
local function lapseAfter(left)
  return now + math.min(math.max(left, 1), ${LONGEST_LEASE_MS})
end

-- The answer to a caller that was wrong about the lane of a document. Nothing has been changed.
local function standsIn(lane)
  return {'lane', lane}
end
`;

export function script(body: string): RedisScript {
  const text = `${COMMON}${body}`;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Returns both variants of a script that publishes, because a proxy may refuse a script with PUBLISH. */
export function publishingScript(body: string, channel: string, message: string, answer: string): PublishingScript {
  const publish = `
local told = redis.pcall('PUBLISH', ${channel}, ${message})
if type(told) == 'table' and told.err then return '-' .. ${answer} end
return ${answer}`;
  return { publishing: script(body + publish), silent: script(`${body}\nreturn '-' .. ${answer}`) };
}

/** A function that returns the script for a number of keys. */
export type ScriptByCount = (count: number) => RedisScript;

/** Returns a function that generates the script for each number of keys once. */
export function byCount(body: (count: number) => string): ScriptByCount {
  const scripts = new Map<number, RedisScript>();
  return (count) => {
    const known = scripts.get(count) ?? script(body(count));
    scripts.set(count, known);
    return known;
  };
}

export function eachOf(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index + 1)).join('\n');
}
