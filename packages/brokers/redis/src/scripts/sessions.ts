import { ANYTIME, type Script } from './script.ts'

/**
 * A session is a hash under KEYS[1]: `s` its subject (absent: nobody's), `d` its data, `v` its version, `i` and `e` when it ends, by
 * Redis' own clock. `g` is what its subject's key held when it began: who ends all sessions of a subject takes that key away, and with it each
 * of them, without a list of them. ARGV[1] is what keys of subjects begin with.
 */
const OPEN = `
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local function open(key)
  local found = redis.call('HMGET', key, 's', 'd', 'v', 'i', 'e', 'g', 'k')
  if not found[2] then return nil end
  if found[6] and redis.call('GET', ARGV[1] .. found[7]) ~= found[6] then return nil end
  return found
end
local function stay(key, found)
  local left = math.min(tonumber(found[4]), tonumber(found[5]) - now())
  redis.call('PEXPIRE', key, string.format('%.0f', math.max(left, 1)))
end
`

/** ARGV from `at` on: an id that nobody has had, the subject and its key ('' when there is none), data, milliseconds idle and in all. */
const BEGIN = `
local function begin(key, at)
  local id, subject, subjects, data = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local idle, absolute = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local fields = { 'd', data, 'v', '1', 'i', ARGV[at + 4], 'e', string.format('%.0f', now() + absolute) }
  local whose = subjects ~= '' and ARGV[1] .. subjects
  if whose then
    local generation = redis.call('GET', whose)
    if not generation then
      generation = id
      redis.call('SET', whose, id, 'PX', ARGV[at + 5])
    end
    for _, field in ipairs({ 's', subject, 'g', generation, 'k', subjects }) do fields[#fields + 1] = field end
  end
  -- What takes memory comes first: behind any other write Redis lets it pass although it is full.
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, string.format('%.0f', math.min(idle, absolute)))
  if whose and redis.call('PTTL', whose) < absolute then redis.call('PEXPIRE', whose, ARGV[at + 5]) end
end
`

export const CREATE: Script = { text: `${OPEN}${BEGIN}begin(KEYS[1], 2)` }

/** Answers subject, data and version. */
export const READ: Script = {
  text: `${ANYTIME}${OPEN}
local found = open(KEYS[1])
if not found then return nil end
stay(KEYS[1], found)
return { found[1], found[2], found[3] }
`,
}

/** ARGV: version, data. */
export const UPDATE: Script = {
  text: `${OPEN}
local found = open(KEYS[1])
if not found then return 'gone' end
if found[3] ~= ARGV[2] then return 'conflict' end
redis.call('HSET', KEYS[1], 'd', ARGV[3], 'v', string.format('%.0f', tonumber(ARGV[2]) + 1))
stay(KEYS[1], found)
return 'done'
`,
}

/** KEYS[2] is the next one's. ARGV: version, then what it begins with. */
export const ROTATE: Script = {
  text: `${OPEN}${BEGIN}
local found = open(KEYS[1])
if not found then return 'gone' end
if found[3] ~= ARGV[2] then return 'conflict' end
redis.call('DEL', KEYS[1])
begin(KEYS[2], 3)
return 'done'
`,
}

export const END: Script = { text: `${ANYTIME}redis.call('DEL', KEYS[1])` }
