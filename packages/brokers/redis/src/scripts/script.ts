/**
 * What is done in Redis in one piece. Each script works on the keys of one topic (or queue), whose names share a hash tag, and
 * takes the time from Redis alone: the clocks of the processes decide nothing.
 */
export type Script = { readonly text: string }

/** Also when the memory is full: what frees it, and what keeps a member in its place. */
export const ANYTIME = '#!lua flags=allow-oom\n'

/** Ids of entries are `milliseconds-number`. */
export const IDS = `
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

export const INFO = `
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
