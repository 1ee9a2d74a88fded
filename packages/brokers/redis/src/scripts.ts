/**
 * What is done in Redis in one piece. Each script works on the keys of one topic (or queue), whose names share a hash tag, and
 * takes the time from Redis alone: the clocks of the processes decide nothing.
 */
export type Script = { readonly text: string }

/** Also when the memory is full: what frees it, and what keeps a member in its place. */
const ANYTIME = '#!lua flags=allow-oom\n'

/** Ids of entries are `milliseconds-number`. */
const IDS = `
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function older(one, other)
  local ms, seq = parts(one)
  local ms2, seq2 = parts(other)
  return ms < ms2 or (ms == ms2 and seq < seq2)
end
-- The greatest id below another.
local function before(id)
  local ms, seq = parts(id)
  if seq > 0 then return string.format('%.0f-%.0f', ms, seq - 1) end
  return ms > 0 and string.format('%.0f-18446744073709551615', ms - 1) or '0-0'
end
`

const INFO = `
local function map(flat)
  local found = {}
  for at = 1, #flat, 2 do found[flat[at]] = flat[at + 1] end
  return found
end
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local function groupsOf(key)
  local groups = redis.call('EXISTS', key) == 1 and redis.call('XINFO', 'GROUPS', key) or {}
  for at = 1, #groups do groups[at] = map(groups[at]) end
  return groups
end
local function membersOf(key)
  local time, count, members = now(), 0, map(redis.call('HGETALL', key))
  for field, value in pairs(members) do
    if string.sub(field, 1, 2) == 'm:' and tonumber(string.match(value, '^%d+')) >= time then count = count + 1 end
  end
  return count
end
`

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

/** KEYS: what lists the names. ARGV: a name. */
export const LIST: Script = { text: `${ANYTIME}return redis.call('SADD', KEYS[1], ARGV[1])` }

/** KEYS: topic. ARGV: partitions, retention in milliseconds and bytes, whether it was asked for, an identity. */
export const DECLARE: Script = {
  text: `${ANYTIME}
local new = redis.call('HSETNX', KEYS[1], 'partitions', ARGV[1]) == 1
if new then redis.call('HSET', KEYS[1], 'id', ARGV[5]) end
if new or ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'ms', ARGV[2], 'bytes', ARGV[3]) end
return redis.call('HMGET', KEYS[1], 'partitions', 'ms', 'bytes', 'id')`,
}

/** KEYS: topic. ARGV: group, where it begins ('0' or '$'), partitions. */
export const DECLARE_GROUP: Script = {
  text: `${ANYTIME}${INFO}
for n = 0, tonumber(ARGV[3]) - 1 do
  local key = KEYS[1] .. ':' .. n
  local made = redis.pcall('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
  if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
  if not made.err then
    local info = map(redis.call('XINFO', 'STREAM', key))
    if ARGV[2] == '$' then
      redis.call('XGROUP', 'SETID', key, ARGV[1], info['last-generated-id'], 'ENTRIESREAD', info['entries-added'])
    else
      redis.call('XGROUP', 'SETID', key, ARGV[1], '0', 'ENTRIESREAD', info['entries-added'] - info['length'])
    end
  end
end
return 1`,
}

/**
 * KEYS: topic, group. ARGV: member, its lease in milliseconds, 'stay', 'leave' (gives all back) or 'left'.
 * Renews the member, ends those whose lease is over, shares the partitions out as \`sharePartitions\` does, and takes for the
 * member what is free and to be its own. A member that is to give a partition back is told so and does it by COMMIT.
 * Answers the topic's identity, the last change of the group, and of each partition that is the member's: number, epoch,
 * whether it stays.
 */
export const SHARE: Script = {
  text: `${ANYTIME}${INFO}
local partitions = tonumber(redis.call('HGET', KEYS[1], 'partitions'))
if not partitions then return redis.error_reply('GONE the topic is not there') end
local me, mode, time = ARGV[1], ARGV[3], now()
local members, owners, epochs, passed, changed = {}, {}, {}, {}, false
for field, value in pairs(map(redis.call('HGETALL', KEYS[2]))) do
  local kind, name = string.sub(field, 1, 2), string.sub(field, 3)
  if kind == 'm:' then
    local untilTime, how = string.match(value, '^(%d+) (%a+)$')
    if name == me then members[name] = how
    elseif tonumber(untilTime) >= time then members[name] = how
    else
      redis.call('HDEL', KEYS[2], field)
      changed = true
    end
  elseif kind == 'o:' then
    local epoch, owner = string.match(value, '^(%d+) (.+)$')
    owners[tonumber(name)], epochs[tonumber(name)] = owner, epoch
  elseif kind == 'p:' then
    passed[tonumber(name)] = value
  end
end
if members[me] ~= mode then changed = true end
if mode == 'left' then
  members[me] = nil
  redis.call('HDEL', KEYS[2], 'm:' .. me)
else
  members[me] = mode
  redis.call('HSET', KEYS[2], 'm:' .. me, string.format('%.0f', time + tonumber(ARGV[2])) .. ' ' .. mode)
end
local staying, shares, wanted = {}, {}, {}
for name, how in pairs(members) do
  if how == 'stay' then
    staying[#staying + 1] = name
    shares[name] = 0
  end
end
table.sort(staying)
for n = 0, partitions - 1 do
  if owners[n] and not members[owners[n]] then
    redis.call('HDEL', KEYS[2], 'o:' .. n)
    owners[n] = nil
    changed = true
  end
end
if #staying > 0 then
  local least, more = math.floor(partitions / #staying), partitions % #staying
  for n = 0, partitions - 1 do
    local has = owners[n] and shares[owners[n]]
    if has and (has < least or (has == least and more > 0)) then
      if has == least then more = more - 1 end
      shares[owners[n]] = has + 1
      wanted[n] = owners[n]
    end
  end
  for n = 0, partitions - 1 do
    if not wanted[n] then
      local best
      for _, name in ipairs(staying) do
        local fits = #staying == 1 or passed[n] ~= name
        if fits and (not best or shares[name] < shares[best]) then best = name end
      end
      shares[best] = shares[best] + 1
      wanted[n] = best
    end
  end
end
local mine = {}
for n = 0, partitions - 1 do
  if not owners[n] and wanted[n] == me then
    -- No epoch comes twice, not even when the server has lost the last of them.
    local epoch = string.format('%.0f', math.max(tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') + 1, time))
    redis.call('HSET', KEYS[1], 'epoch', epoch)
    redis.call('HSET', KEYS[2], 'o:' .. n, epoch .. ' ' .. me)
    redis.call('HDEL', KEYS[2], 'p:' .. n)
    owners[n], epochs[n] = me, epoch
  end
  if owners[n] == me then mine[#mine + 1] = { n, epochs[n], wanted[n] == me and 1 or 0 } end
end
local changes, id = KEYS[2] .. ':changes', redis.call('HGET', KEYS[1], 'id')
if changed then return { id, redis.call('XADD', changes, 'MAXLEN', 1, '*', 'by', me), mine } end
local last = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)
return { id, last[1] and last[1][1] or '0-0', mine }`,
}

/**
 * KEYS: topic, group. ARGV: group, member, then of each partition: number, epoch, id or '', entries up to there or '', and
 * 'given' or 'passed' when it is given back. Answers those that are the member's no more, of which nothing was written.
 */
export const COMMIT: Script = {
  text: `${ANYTIME}${IDS}
local refused, freed = {}, false
for at = 3, #ARGV, 5 do
  local n, id, count = ARGV[at], ARGV[at + 2], ARGV[at + 3]
  if redis.call('HGET', KEYS[2], 'o:' .. n) ~= ARGV[at + 1] .. ' ' .. ARGV[2] then
    refused[#refused + 1] = n
  else
    if id ~= '' then
      local floor = redis.call('HMGET', KEYS[1], 'floorid:' .. n, 'floor:' .. n)
      if floor[1] and older(id, floor[1]) then id, count = floor[1], floor[2] end
      local key = KEYS[1] .. ':' .. n
      if count == '' then redis.call('XGROUP', 'SETID', key, ARGV[1], id)
      else redis.call('XGROUP', 'SETID', key, ARGV[1], id, 'ENTRIESREAD', count) end
    end
    if ARGV[at + 4] ~= '' then
      redis.call('HDEL', KEYS[2], 'o:' .. n)
      -- Another is to have it, if there is one.
      if ARGV[at + 4] == 'passed' then redis.call('HSET', KEYS[2], 'p:' .. n, ARGV[2]) end
      freed = true
    end
  end
end
if freed then redis.call('XADD', KEYS[2] .. ':changes', 'MAXLEN', 1, '*', 'by', ARGV[2]) end
return refused`,
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

/** KEYS: topic. ARGV: group, 'beginning', 'end', 'time' or 'after', milliseconds or id, the one partition or '', partitions. */
export const SEEK: Script = {
  text: `${ANYTIME}${IDS}${INFO}
local count = membersOf(KEYS[1] .. ':group:' .. ARGV[1])
if count > 0 then return { 'members' } end
for n = tonumber(ARGV[4]) or 0, tonumber(ARGV[4]) or tonumber(ARGV[5]) - 1 do
  local key = KEYS[1] .. ':' .. n
  redis.pcall('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
  local info = map(redis.call('XINFO', 'STREAM', key))
  local last, added = info['last-generated-id'], info['entries-added']
  local id, read = '0-0', added - info['length']
  if ARGV[2] == 'end' then id, read = last, added
  elseif ARGV[2] ~= 'beginning' then
    id = ARGV[2] == 'time' and before(ARGV[3] .. '-0') or ARGV[3]
    if ARGV[2] == 'after' and older(last, id) then return { 'beyond' } end
    local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    if not older(id, last) then id, read = last, added
    elseif first and not older(id, first[1]) then read = nil end
  end
  if read then redis.call('XGROUP', 'SETID', key, ARGV[1], id, 'ENTRIESREAD', read)
  else redis.call('XGROUP', 'SETID', key, ARGV[1], id) end
end
return { 'moved' }`,
}

/** KEYS: topic. ARGV: group, partitions, '1' (or '0': only looks), what is to be kept of it. Answers how many messages it had not read. */
export const FORGET: Script = {
  text: `${ANYTIME}${INFO}
local own, unread, there = KEYS[1] .. ':group:' .. ARGV[1], 0, false
local count = membersOf(own)
if count > 0 then return { 'members' } end
if ARGV[3] == '0' then return { 'looked' } end
for n = 0, tonumber(ARGV[2]) - 1 do
  for _, group in ipairs(groupsOf(KEYS[1] .. ':' .. n)) do
    if group['name'] == ARGV[1] then
      there = true
      unread = unread + (group['lag'] or #redis.call('XRANGE', KEYS[1] .. ':' .. n, '(' .. group['last-delivered-id'], '+'))
      redis.call('XGROUP', 'DESTROY', KEYS[1] .. ':' .. n, ARGV[1])
    end
  end
end
if not there then return { 'none' } end
redis.call('DEL', own, own .. ':changes')
redis.call('XADD', KEYS[1] .. ':forgotten', 'MAXLEN', '~', 1000, '*', 'group', ARGV[1], 'unread', unread, unpack(ARGV, 4))
return { 'forgotten', unread }`,
}

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
