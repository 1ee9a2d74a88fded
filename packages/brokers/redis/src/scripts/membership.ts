import { ANYTIME, IDS, INFO, type Script } from './script.ts'

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
