import { createHash } from 'node:crypto';
import { FARTHEST_DUE_MS } from '../../core/time-limits.js';
import { LONGEST_LEASE_MS } from '../lease-end.js';

export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/**
 * What all scripts begin with. `KEYS[1]` is the key of the versions; its name less `version` begins the names of all
 * others. Those that are known beforehand are declared all the same: while a cluster moves them, some here and some there,
 * it refuses the script.
 */
const COMMON = `
local base = string.sub(KEYS[1], 1, -8)
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

-- A document that is leased stands in its lane with the time when the lease lapses, so that nobody looks at it before.
local function index(id, at, lane, lapse)
  local score = at
  if lapse and lapse > tonumber(at) then score = digits(lapse) end
  redis.call('ZADD', base .. 'due:' .. lane, score, id)
end

-- How far ahead a held lease may end: one that ends later was granted before the clock was set back, and counts as free.
local function farthestEnd(ttl)
  return math.max(2 * tonumber(ttl), ${LONGEST_LEASE_MS})
end

local function lapseOf(lease)
  return now + math.min(math.max(redis.call('PTTL', lease), 1), ${LONGEST_LEASE_MS})
end
`;

export const NOW: RedisScript = script(`return digits(now)`);

/** KEYS: version, document... */
export const GET: RedisScript = script(`
local documents = {}
for i = 2, #KEYS do
  local document = redis.pcall('GET', KEYS[i])
  if type(document) == 'table' and document.err then
    if string.find(document.err, 'WRONGTYPE', 1, true) then document = 'another type' else return document end
  end
  documents[i - 1] = document
end
return documents`);

/** KEYS: version, document, lease, ids. ARGV: id, expected, data, text of due, at, lane, owner of the lease, channel. */
export const SET: RedisScript = script(`
local id, expected, data, due, at, lane, owner, channel = unpack(ARGV)
local document = redis.call('GET', KEYS[2])
local version, oldAt, oldLane = '0', nil, nil
if document then
  version, oldAt, oldLane = head(document)
  if not version then return foreign() end
end
if version ~= expected then return false end
local highest = tonumber(redis.call('GET', KEYS[1]) or '0')
if not highest then return foreign() end
local given = digits(math.max(highest + 1, tonumber(version) + 1, micros))
local holder = redis.call('GET', KEYS[3])
redis.call('ZADD', KEYS[4], 0, id)
redis.call('SET', KEYS[1], given)
redis.call('SET', KEYS[2], '{"version":' .. given .. ',' .. due .. '"data":' .. data .. '}')
if holder and holder == owner then
  redis.call('DEL', KEYS[3])
  holder = false
end
if oldLane and (due == '' or oldLane ~= lane) then redis.call('ZREM', base .. 'due:' .. oldLane, id) end
if due ~= '' then index(id, at, lane, holder and lapseOf(KEYS[3])) end
redis.pcall('PUBLISH', channel, given .. ' ' .. id)
return given`);

/** KEYS: version, document, ids. ARGV: id, expected, channel. */
export const DELETE: RedisScript = script(`
local document = redis.call('GET', KEYS[2])
if not document then return 0 end
local version, at, lane = head(document)
if not version then return foreign() end
if version ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if lane then redis.call('ZREM', base .. 'due:' .. lane, ARGV[1]) end
redis.pcall('PUBLISH', ARGV[3], '0 ' .. ARGV[1])
return 1`);

/** KEYS: version, document, lease. ARGV: id, owner, ttl. A client that repeats the command gets the lease that it has. */
export const LEASE: RedisScript = script(`
local document = redis.call('GET', KEYS[2])
local version, at, lane
if document then
  version, at, lane = head(document)
  if not version then return foreign() end
end
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[2] and redis.call('PTTL', KEYS[3]) <= farthestEnd(ARGV[3]) then return false end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
if lane then index(ARGV[1], at, lane, now + tonumber(ARGV[3])) end
return {document}`);

/** KEYS: version, document, lease. ARGV: id, owner. */
export const RELEASE: RedisScript = script(`
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[3])
local document = redis.pcall('GET', KEYS[2])
if type(document) ~= 'string' then return 1 end
local version, at, lane = head(document)
if lane then index(ARGV[1], at, lane) end
return 1`);

/**
 * KEYS: version, due... ARGV: limit, owner, ttl.
 *
 * Whatever is looked at and not claimed is put later, so that no claim looks at it again in vain: what is leased, and what
 * has no document that can be read, which may be on its way to another node of the cluster.
 */
export const CLAIM: RedisScript = script(`
local left, owner, ttl = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local lapse = now + tonumber(ttl)
local farthest = now + ${FARTHEST_DUE_MS}
local claimed = {}

local function claim(key, id)
  local document = redis.pcall('GET', base .. 'doc:' .. id)
  local version, at, lane
  if type(document) == 'string' then version, at, lane = head(document) end
  if not version then
    redis.call('ZADD', key, digits(lapse), id)
  elseif not lane or base .. 'due:' .. lane ~= key then
    redis.call('ZREM', key, id)
  elseif tonumber(at) > now and tonumber(at) <= farthest then
    redis.call('ZADD', key, at, id)
  else
    local lease = base .. 'lease:' .. id
    if redis.call('PTTL', lease) > farthestEnd(ttl) then redis.call('DEL', lease) end
    if redis.call('SET', lease, owner, 'PX', ttl, 'NX') then
      redis.call('ZADD', key, digits(lapse), id)
      claimed[#claimed + 1] = id
      claimed[#claimed + 1] = document
      left = left - 1
    else
      redis.call('ZADD', key, digits(lapseOf(lease)), id)
    end
  end
end

local function claimBetween(from, to)
  while left > 0 do
    local page = math.min(left, 250)
    local found = {}
    for i = 2, #KEYS do
      local ids = redis.call('ZRANGEBYSCORE', KEYS[i], from, to, 'WITHSCORES', 'LIMIT', 0, page)
      for j = 1, #ids, 2 do
        found[#found + 1] = {key = KEYS[i], id = ids[j], score = tonumber(ids[j + 1])}
      end
    end
    if #found == 0 then break end
    table.sort(found, function(a, b)
      if a.score ~= b.score then return a.score < b.score end
      return a.id < b.id
    end)
    for j = 1, math.min(page, #found) do claim(found[j].key, found[j].id) end
  end
end

claimBetween('-inf', digits(now))
-- What is due too far ahead was written before the clock was set back.
claimBetween('(' .. digits(farthest), '+inf')
return claimed`);

function script(body: string): RedisScript {
  const text = `${COMMON}${body}`;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
