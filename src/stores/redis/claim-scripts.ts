import { FARTHEST_DUE_MS } from '../../core/concurrency/time-limits.js';
import { byCount, eachOf, type ScriptByCount } from './redis-script.js';

/**
 * Finds the documents that are due in `count` lanes, the earliest first, and then those whose due time is so far ahead
 * that it was written before the clock was set back. KEYS: version, lane.... ARGV: limit, milliseconds. It returns lane
 * numbers, from 0, and ids alternately.
 *
 * The found documents are postponed by those milliseconds, so that concurrent processes find different ones. The claim
 * that follows sets their final due times.
 */
export const findDueScript: ScriptByCount = byCount(
  (count) => `
local limit = tonumber(ARGV[1])
local later = digits(now + tonumber(ARGV[2]))
local farthest = '(' .. digits(now + ${FARTHEST_DUE_MS})
local found, ids = {}, nil
local function note(lane)
  for i = 1, #ids, 2 do
    found[#found + 1] = {lane = lane, id = ids[i], score = tonumber(ids[i + 1])}
  end
end
${eachOf(
  count,
  (lane) =>
    `ids = redis.call('ZRANGEBYSCORE', KEYS[${lane + 1}], '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, limit)\nnote(${lane})`,
)}
if #found < limit then
${eachOf(
  count,
  (lane) =>
    `  ids = redis.call('ZRANGEBYSCORE', KEYS[${lane + 1}], farthest, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)\n  note(${lane})`,
)}
end
table.sort(found, function(a, b)
  if a.score ~= b.score then return a.score < b.score end
  return a.id < b.id
end)
local answer = {}
for i = 1, math.min(limit, #found) do
  local lane, id = found[i].lane, found[i].id
  answer[#answer + 1] = lane - 1
  answer[#answer + 1] = id
${eachOf(count, (lane) => `  if lane == ${lane} then redis.call('ZADD', KEYS[${lane + 1}], later, id) end`)}
end
return answer`,
);

/**
 * Leases those of `count` documents that are due. KEYS: version, then document, lease, lane of each. ARGV: owner, ttl,
 * then id, lane of each; an empty id is skipped. It returns ids and documents alternately.
 *
 * A document that cannot be leased is moved to its real place in the schedule, so that the next claims do not find it
 * again.
 */
export const claimScript: ScriptByCount = byCount(
  (count) => `
local owner, ttl = ARGV[1], ARGV[2]
local lapse = now + tonumber(ttl)
local farthest = now + ${FARTHEST_DUE_MS}
local claimed = {}

-- Whether the document is due, and else the time at which it is to be looked at; nothing when it has no place in the lane.
local function judge(document, lane)
  if not document then return false, nil end
  local version, at, itsLane
  if type(document) == 'string' then version, at, itsLane = head(document) end
  if not version then return false, digits(lapse) end
  if itsLane ~= lane then return false, nil end
  if tonumber(at) > now and tonumber(at) <= farthest then return false, at end
  return true, nil
end

local document, isDue, at, granted, left
${eachOf(count, (index) => {
  const [key, id] = [3 * index - 1, 2 * index + 1];
  return `if ARGV[${id}] ~= '' then
  document = redis.pcall('GET', KEYS[${key}])
  isDue, at = judge(document, ARGV[${id + 1}])
  if isDue then
    left = redis.call('PTTL', KEYS[${key + 1}])
    if isVoid(left, ttl) then redis.call('DEL', KEYS[${key + 1}]) end
    granted = redis.call('SET', KEYS[${key + 1}], owner, 'PX', ttl, 'NX')
    if granted then
      at = digits(lapse)
      claimed[#claimed + 1] = ARGV[${id}]
      claimed[#claimed + 1] = document
    else
      at = digits(lapseAfter(left))
    end
  end
  if at then redis.call('ZADD', KEYS[${key + 2}], 'XX', at, ARGV[${id}]) else redis.call('ZREM', KEYS[${key + 2}], ARGV[${id}]) end
end`;
})}
return claimed`,
);
