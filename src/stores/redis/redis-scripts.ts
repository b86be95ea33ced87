import {
  byCount,
  eachOf,
  type PublishingScript,
  publishingScript,
  type RedisScript,
  type ScriptByCount,
  script,
} from './redis-script.js';

export const NOW: RedisScript = script(`return digits(now)`);

/**
 * Writes a document. KEYS: version, document, lease, ids, lane of the new due, lane of the stored one. ARGV: id,
 * expected, data, text of due, at, lane, stored lane, owner of the lease, channel. It returns the version, as a negative
 * number if the change was not published.
 */
export const SET: PublishingScript = publishingScript(
  `
local id, expected, due, at, lane = ARGV[1], ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local document = redis.call('GET', KEYS[2])
local version, oldAt, oldLane = '0', nil, nil
if document then
  version, oldAt, oldLane = head(document)
  if not version then return foreign() end
end
if version ~= expected then return false end
local moves = oldLane and (due == '' or oldLane ~= lane)
if moves and oldLane ~= ARGV[7] then return standsIn(oldLane) end
local highest = redis.call('GET', KEYS[1])
highest = tonumber(highest or '0')
if not highest then return foreign() end
local given = digits(math.max(highest + 1, tonumber(version) + 1, micros))
local holder = redis.call('GET', KEYS[3])
redis.call('ZADD', KEYS[4], 0, id)
redis.call('SET', KEYS[1], given)
redis.call('SET', KEYS[2], '{"version":' .. given .. ',' .. due .. '"data":' .. ARGV[3] .. '}')
local lapse
if holder and holder == ARGV[8] then
  redis.call('DEL', KEYS[3])
elseif holder then
  local left = redis.call('PTTL', KEYS[3])
  lapse = lapseAfter(left)
end
if moves then redis.call('ZREM', KEYS[6], id) end
if due ~= '' then redis.call('ZADD', KEYS[5], score(at, lapse), id) end`,
  'ARGV[9]',
  `given .. ' ' .. id`,
  'given',
);

/**
 * Deletes a document. KEYS: version, document, ids, lane. ARGV: id, expected, lane, channel. It returns 1, or -1 if the
 * change was not published; 0 if the version differs.
 */
export const DELETE: PublishingScript = publishingScript(
  `
local document = redis.call('GET', KEYS[2])
if not document then return '0' end
local version, at, lane = head(document)
if not version then return foreign() end
if version ~= ARGV[2] then return '0' end
if lane and lane ~= ARGV[3] then return standsIn(lane) end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if lane then redis.call('ZREM', KEYS[4], ARGV[1]) end`,
  'ARGV[4]',
  `'0 ' .. ARGV[1]`,
  `'1'`,
);

/**
 * Acquires a lease. KEYS: version, document, lease, lane. ARGV: id, owner, ttl, lane. A client that repeats the command
 * gets the lease that it already has.
 */
export const LEASE: RedisScript = script(`
local document = redis.call('GET', KEYS[2])
local version, at, lane
if document then
  version, at, lane = head(document)
  if not version then return foreign() end
end
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[2] then
  local left = redis.call('PTTL', KEYS[3])
  if not isVoid(left, ARGV[3]) then return false end
end
if lane and lane ~= ARGV[4] then return standsIn(lane) end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
if lane then redis.call('ZADD', KEYS[4], score(at, now + tonumber(ARGV[3])), ARGV[1]) end
return {document}`);

/** Releases a lease. KEYS: version, document, lease, lane. ARGV: id, owner, lane. */
export const RELEASE: RedisScript = script(`
local holder = redis.call('GET', KEYS[3])
if holder ~= ARGV[2] then return 0 end
local document = redis.pcall('GET', KEYS[2])
local version, at, lane
if type(document) == 'string' then version, at, lane = head(document) end
if lane and lane ~= ARGV[3] then return standsIn(lane) end
redis.call('DEL', KEYS[3])
if lane then redis.call('ZADD', KEYS[4], at, ARGV[1]) end
return 1`);

/** Reads documents. KEYS: document..., as many as `count`. */
export const readScript: ScriptByCount = byCount(
  (count) => `
local failure
local function readable(document)
  if type(document) ~= 'table' or not document.err then return document end
  if string.find(document.err, 'WRONGTYPE', 1, true) then return 'another type' end
  failure = document
  return false
end
local documents = {}
local document
${eachOf(count, (index) => `document = redis.pcall('GET', KEYS[${index}])\ndocuments[${index}] = readable(document)`)}
return failure or documents`,
);
