import { ANYTIME, IDS, INFO, type Script } from './script.ts'

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
