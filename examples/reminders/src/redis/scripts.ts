import type { Redis } from 'ioredis';

// These scripts do in Redis what must be atomic. Each of them returns an outcome, and what it has read.
//
// A reminder is a hash whose `nextAt` says which occurrence is its next one. A script that deals with an occurrence compares
// the two first: an occurrence whose reminder was moved or removed meanwhile is left alone.

/** Makes a reminder, unless the nonce has made one already; see `Created`. */
const CREATE = `
local nonce = ARGV[5]
if nonce ~= '' then
  local first = redis.call('HGET', KEYS[4], nonce)
  if first then return {'repeated', first} end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then return {'full'} end
if nonce ~= '' then
  local now = tonumber(redis.call('TIME')[1])
  if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[8]) then
    -- One session cannot fill the store: what has been kept for its time makes room, and nothing else does.
    local all = redis.call('HGETALL', KEYS[4])
    for index = 1, #all, 2 do
      if tonumber(string.match(all[index + 1], '^%d+')) < now then redis.call('HDEL', KEYS[4], all[index]) end
    end
    if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[8]) then return {'too often'} end
  end
  redis.call('HSET', KEYS[4], nonce, table.concat({now + tonumber(ARGV[7]), ARGV[6], ARGV[2], ARGV[3], ARGV[4]}, ' '))
  redis.call('EXPIRE', KEYS[4], ARGV[7])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 9))
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
return {'done'}`;

/** Records an occurrence that was due and not begun as skipped, so that an edit of the time does not hide it. */
const EDIT = `
if redis.call('HGET', KEYS[1], 'state') ~= 'active' then return 'ended' end
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] or redis.call('HGET', KEYS[1], 'nextAt') ~= ARGV[3] then return 'changed' end
local begun = redis.call('HGET', KEYS[3], 'state')
if ARGV[4] ~= ARGV[3] and (begun == 'waiting' or (not begun and tonumber(ARGV[3]) <= tonumber(ARGV[5]))) then
  redis.call('HSET', KEYS[3], 'state', 'skipped', 'reason', 'edited')
  redis.call('EXPIRE', KEYS[3], ARGV[6])
  redis.call('HINCRBY', KEYS[5], 'skipped', 1)
  if not begun then
    redis.call('LPUSH', KEYS[4], ARGV[3])
    redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[7]) - 1)
  end
end
redis.call('HSET', KEYS[1], 'nextAt', ARGV[4], unpack(ARGV, 8))
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return begun == 'claimed' and 'done while sending' or 'done'`;

const REMOVE = `
if redis.call('HGET', KEYS[1], 'user') ~= ARGV[2] then return false end
local next = redis.call('HGET', KEYS[1], 'nextAt')
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return next`;

/**
 * Takes one credit with the claim, so that two reminders of one user never count on the same one. A claim that another
 * worker has left is found even when the reminder was edited after it.
 */
const CLAIM = `
local reminder = redis.call('HGETALL', KEYS[1])
if #reminder == 0 then return {'gone'} end
local state = redis.call('HGET', KEYS[2], 'state')
if state == 'claimed' then
  -- ioredis resends a command whose answer was lost: this worker holds the claim already.
  if redis.call('HGET', KEYS[2], 'claimedBy') ~= ARGV[5] then return {'orphaned', reminder} end
  return {'claimed', reminder, redis.call('HGET', KEYS[2], 'attempts')}
end
if redis.call('HGET', KEYS[1], 'nextAt') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'active' then return {'moved'} end
if state and state ~= 'waiting' then return {'finished', reminder} end
if tonumber(ARGV[2]) - tonumber(ARGV[1]) > tonumber(ARGV[3]) then return {'late', reminder} end
local stop = redis.call('HGET', KEYS[4], 'errcode')
if stop then return {'stopped', reminder, stop} end
if tonumber(redis.call('GET', KEYS[3]) or '0') < 1 then return {'without consent', reminder} end
redis.call('DECR', KEYS[3])
redis.call('HSET', KEYS[2], 'state', 'claimed', 'claimedBy', ARGV[5], 'accepted', redis.call('GET', KEYS[6]) or '0')
redis.call('EXPIRE', KEYS[2], ARGV[4])
if not state then redis.call('LPUSH', KEYS[5], ARGV[1]) end
return {'claimed', reminder, redis.call('HINCRBY', KEYS[2], 'attempts', 1)}`;

/**
 * Gives the credit back: WeChat has surely not taken the message. Where another worker has presumed this one dead and
 * recorded "unknown" meanwhile, the occurrence is skipped, since its job has gone.
 */
const RELEASE = `
if redis.call('HGET', KEYS[1], 'claimedBy') ~= ARGV[3] then return 'lost' end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'waiting' then return 'waiting' end
if state ~= 'claimed' and state ~= 'unknown' then return 'lost' end
local after = state == 'claimed' and 'waiting' or 'skipped'
redis.call('HSET', KEYS[1], 'state', after, 'reason', ARGV[1], 'errcode', ARGV[2])
redis.call('INCR', KEYS[2])
if after == 'waiting' then return after end
redis.call('HINCRBY', KEYS[3], 'unknown', -1)
redis.call('HINCRBY', KEYS[3], 'skipped', 1)
return 'lost'`;

/**
 * Records the outcome and moves the reminder on. A worker that was presumed dead may replace "unknown"; nothing else is
 * replaced. An edit that has left the instant where it is may have changed the next one, which is to be computed again.
 */
const FINISH = `
local waits = redis.call('HGET', KEYS[1], 'nextAt') == ARGV[2] and redis.call('HGET', KEYS[1], 'state') == 'active'
if waits and redis.call('HGET', KEYS[1], 'version') ~= ARGV[11] then return {'edited', redis.call('HGETALL', KEYS[1])} end
local before = redis.call('HGET', KEYS[2], 'state')
local isOpen = not before or before == 'claimed' or before == 'waiting'
if isOpen or (before == 'unknown' and ARGV[3] ~= 'unknown') then
  redis.call('HSET', KEYS[2], 'state', ARGV[3], 'reason', ARGV[4], 'errcode', ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[9])
  if not before and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('LPUSH', KEYS[3], ARGV[2]) end
  redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[10]) - 1)
  redis.call('HINCRBY', KEYS[6], ARGV[3], 1)
  if before == 'unknown' then redis.call('HINCRBY', KEYS[6], 'unknown', -1) end
  if ARGV[7] == 'zero' then
    -- WeChat has none of those that the claim counted on. A prompt that was accepted since is good.
    local accepted = tonumber(redis.call('GET', KEYS[7]) or '0')
    redis.call('SET', KEYS[5], accepted - tonumber(redis.call('HGET', KEYS[2], 'accepted') or accepted))
  elseif ARGV[7] == 'returned' and (before == 'claimed' or before == 'unknown') then redis.call('INCR', KEYS[5]) end
end
if not waits then return {'moved'} end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'state', 'ended', 'endedBecause', ARGV[8])
  redis.call('ZREM', KEYS[4], ARGV[1])
  return {'ended'}
end
redis.call('HSET', KEYS[1], 'nextAt', ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[1])
return {'moved on'}`;

/** Counts no more than so many, so that one session cannot fill the store with nonces. */
const CONSENT = `
local left = tonumber(redis.call('GET', KEYS[1]) or '0')
if left >= tonumber(ARGV[2]) then return left end
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
  redis.call('INCR', KEYS[3])
  return redis.call('INCR', KEYS[1])
end
return left`;

export const SCRIPTS = {
  createReminder: { lua: CREATE, numberOfKeys: 4 },
  editReminder: { lua: EDIT, numberOfKeys: 5 },
  removeReminder: { lua: REMOVE, numberOfKeys: 4 },
  claimOccurrence: { lua: CLAIM, numberOfKeys: 6 },
  releaseOccurrence: { lua: RELEASE, numberOfKeys: 3 },
  finishOccurrence: { lua: FINISH, numberOfKeys: 7 },
  countConsent: { lua: CONSENT, numberOfKeys: 3 },
} as const;

type Script = keyof typeof SCRIPTS;
type Scripted = Record<Script, (...args: (string | number)[]) => Promise<unknown>>;

/** A connection that has the scripts as methods. */
export type Database = Redis & Scripted;

/** Adds the scripts to a connection. */
export function withScripts(redis: Redis): Database {
  for (const [name, script] of Object.entries(SCRIPTS)) redis.defineCommand(name, script);
  return redis as Database;
}
