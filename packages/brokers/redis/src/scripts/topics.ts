import { ANYTIME, IDS, INFO, type Script } from './script.ts'

/** KEYS: what lists the names. ARGV: a name. */
export const LIST: Script = { text: `${ANYTIME}return redis.call('SADD', KEYS[1], ARGV[1])` }

/** KEYS: topic or queue. ARGV: its number of partitions or '', then of each message: what the key ends in, number of values, values. */
export const APPEND: Script = {
  text: `
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'partitions') ~= ARGV[1] then return redis.error_reply('GONE the topic is another') end
local at = 2
while at <= #ARGV do
  local count = tonumber(ARGV[at + 1])
  redis.call('XADD', KEYS[1] .. ARGV[at], '*', unpack(ARGV, at + 2, at + 1 + count))
  at = at + 2 + count
end
return 1`,
}

/** KEYS: topic. ARGV: partitions, retention in milliseconds and bytes, whether it was asked for, an identity. */
export const DECLARE: Script = {
  text: `${ANYTIME}
local new = redis.call('HSETNX', KEYS[1], 'partitions', ARGV[1]) == 1
if new then redis.call('HSET', KEYS[1], 'id', ARGV[5]) end
if new or ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'ms', ARGV[2], 'bytes', ARGV[3]) end
return redis.call('HMGET', KEYS[1], 'partitions', 'ms', 'bytes', 'id')`,
}

/**
 * KEYS: topic. ARGV: partition, id after which to read or '' (where the group is), group, entries at most, bytes at most, '1' when
 * the number of entries before is not known. Answers where it read from, how many entries are before that where this was
 * found out, and the entries; of more than the bytes, one at least.
 */
export const FETCH: Script = {
  text: `${IDS}${INFO}
local key, after, count = KEYS[1] .. ':' .. ARGV[1], ARGV[2], ''
if after == '' then
  after = '0-0'
  for _, group in ipairs(groupsOf(key)) do
    if group['name'] == ARGV[3] then after, count = group['last-delivered-id'], group['entries-read'] or '' end
  end
end
local floor = redis.call('HMGET', KEYS[1], 'floorid:' .. ARGV[1], 'floor:' .. ARGV[1])
if floor[1] and older(after, floor[1]) then after, count = floor[1], floor[2] end
local most, bytes, found, size, last, want = tonumber(ARGV[4]), tonumber(ARGV[5]), {}, 0, after, 8
while #found < most do
  local some = redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', math.min(want, most - #found))
  for _, entry in ipairs(some) do
    local own = 0
    for _, value in ipairs(entry[2]) do own = own + #value end
    if size + own > bytes and #found > 0 then return { after, count, found } end
    size = size + own
    found[#found + 1] = entry
  end
  if #some < want then break end
  last = some[#some][1]
  want = math.max(1, math.floor((bytes - size) * #found / math.max(1, size)))
end
if #found == 0 and ARGV[6] == '1' and redis.call('EXISTS', key) == 1 then count = map(redis.call('XINFO', 'STREAM', key))['entries-added'] end
return { after, count, found }`,
}

/** KEYS: topic. ARGV: partitions. Answers of each group and partition: group, partition, lag, time of the first, members, lost. */
export const LAG: Script = {
  text: `${INFO}
local found, members = {}, {}
for n = 0, tonumber(ARGV[1]) - 1 do
  local key = KEYS[1] .. ':' .. n
  for _, group in ipairs(groupsOf(key)) do
    local name, last, lag = group['name'], group['last-delivered-id'], group['lag']
    local own = KEYS[1] .. ':group:' .. name
    members[name] = members[name] or membersOf(own)
    local first = redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)[1]
    if not lag then
      -- Redis does not know it of a group that was moved: until it has read to the end, it is counted.
      lag = 0
      local from = '(' .. last
      repeat
        local some = redis.call('XRANGE', key, from, '+', 'COUNT', 100)
        lag = lag + #some
        from = some[1] and '(' .. some[#some][1]
      until #some < 100
    end
    found[#found + 1] = { name, n, lag, first and first[1] or '', members[name], redis.call('HGET', own, 'lost:' .. n) or '0' }
  end
end
return found`,
}

/** KEYS: topic. Throws away what it need not keep. Answers what groups had not read of it: group, number, … */
export const TRIM: Script = {
  text: `${ANYTIME}${IDS}${INFO}
local topic, lost, time, sizes, total = redis.call('HMGET', KEYS[1], 'partitions', 'ms', 'bytes'), {}, now(), {}, 0
if not topic[1] then return lost end
local function trim(n, how, value)
  local key = KEYS[1] .. ':' .. n
  if redis.call('XTRIM', key, how, '=', value) == 0 then return end
  local info = map(redis.call('XINFO', 'STREAM', key))
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  local floor, id = info['entries-added'] - info['length'], first and before(first[1]) or info['last-generated-id']
  redis.call('HSET', KEYS[1], 'floor:' .. n, floor, 'floorid:' .. n, id)
  for _, group in ipairs(groupsOf(key)) do
    if older(group['last-delivered-id'], id) then
      local count = group['entries-read'] and math.max(0, floor - group['entries-read']) or 0
      redis.call('XGROUP', 'SETID', key, group['name'], id, 'ENTRIESREAD', floor)
      if count > 0 then
        redis.call('HINCRBY', KEYS[1] .. ':group:' .. group['name'], 'lost:' .. n, count)
        lost[#lost + 1] = group['name']
        lost[#lost + 1] = count
      end
    end
  end
end
for n = 0, tonumber(topic[1]) - 1 do
  local key = KEYS[1] .. ':' .. n
  if redis.call('EXISTS', key) == 1 then
    if topic[2] ~= 'Infinity' then trim(n, 'MINID', string.format('%.0f', math.max(0, time - tonumber(topic[2])))) end
    sizes[n] = redis.call('MEMORY', 'USAGE', key)
    total = total + sizes[n]
  end
end
if topic[3] ~= 'Infinity' and total > tonumber(topic[3]) then
  for n in pairs(sizes) do
    trim(n, 'MAXLEN', math.floor(redis.call('XLEN', KEYS[1] .. ':' .. n) * tonumber(topic[3]) / total))
  end
end
return lost`,
}
