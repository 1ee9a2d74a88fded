import { ANYTIME, INFO, type Script } from './script.ts'

/** The consumer group that works on a queue. */
export const RECEIVERS = 'receivers'

/**
 * KEYS: queue. ARGV: receiver, messages at most, bytes at most, milliseconds after which what others have is taken over or ''.
 * Answers the last id of the queue when there is nothing, and the messages: first what others had, then new ones.
 */
export const TAKE: Script = {
  text: `${ANYTIME}${INFO}
local key, me, most, bytes, found, size = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), {}, 0
local function add(entry)
  for _, value in ipairs(entry[2]) do size = size + #value end
  found[#found + 1] = entry
end
local made = redis.pcall('XGROUP', 'CREATE', key, '${RECEIVERS}', '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
if ARGV[4] ~= '' then
  local from = '0-0'
  repeat
    local taken = redis.call('XAUTOCLAIM', key, '${RECEIVERS}', me, ARGV[4], from, 'COUNT', 1)
    from = taken[1]
    for _, entry in ipairs(taken[2]) do add(entry) end
  until from == '0-0' or #found >= most or size >= bytes
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', key, '${RECEIVERS}')) do
    local one = map(flat)
    if one['name'] ~= me and one['pending'] == 0 and one['idle'] > 10 * tonumber(ARGV[4]) then
      redis.call('XGROUP', 'DELCONSUMER', key, '${RECEIVERS}', one['name'])
    end
  end
  -- What others acknowledged and left there.
  local pending, last = redis.call('XPENDING', key, '${RECEIVERS}'), groupsOf(key)[1]['last-delivered-id']
  redis.call('XTRIM', key, 'MINID', '=', pending[1] > 0 and pending[2] or last)
  if pending[1] == 0 then redis.call('XDEL', key, last) end
end
while #found < most and size < bytes do
  local read = redis.call('XREADGROUP', 'GROUP', '${RECEIVERS}', me, 'COUNT', 1, 'STREAMS', key, '>')
  if not read then break end
  add(read[1][2][1])
end
return { #found == 0 and map(redis.call('XINFO', 'STREAM', key))['last-generated-id'] or '', found }`,
}

/** KEYS: queue. ARGV: receiver, milliseconds for which its messages count as untouched from now on, ids: those that are still its own. */
export const TOUCH: Script = {
  text: `
for at = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], '${RECEIVERS}', ARGV[at], ARGV[at], 1)[1]
  if pending and pending[2] == ARGV[1] then redis.call('XCLAIM', KEYS[1], '${RECEIVERS}', ARGV[1], 0, ARGV[at], 'IDLE', ARGV[2], 'JUSTID') end
end
return 1`,
}

/** KEYS: queue. ARGV: id. */
export const ACKNOWLEDGE: Script = {
  text: `
redis.call('XACK', KEYS[1], '${RECEIVERS}', ARGV[1])
return redis.call('XDEL', KEYS[1], ARGV[1])`,
}

/** KEYS: queue. ARGV: receiver. It goes when it has nothing. */
export const LEAVE: Script = {
  text: `${INFO}
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], '${RECEIVERS}')) do
  local one = map(flat)
  if one['name'] == ARGV[1] and one['pending'] == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], '${RECEIVERS}', ARGV[1]) end
end
return 1`,
}

/** KEYS: queue. ARGV: milliseconds after which a receiver that has not asked is none. Answers messages, time of the first, receivers. */
export const QUEUE_LAG: Script = {
  text: `${INFO}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 0, '', 0 } end
local first, count = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1], 0
for _, group in ipairs(groupsOf(KEYS[1])) do
  if group['name'] == '${RECEIVERS}' then
    for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], '${RECEIVERS}')) do
      if map(flat)['idle'] < tonumber(ARGV[1]) then count = count + 1 end
    end
  end
end
return { redis.call('XLEN', KEYS[1]), first and first[1] or '', count }`,
}
