import type { Script } from './script.ts'

/**
 * The generic cell rate algorithm, in microseconds of Redis' own clock. KEYS: one. ARGV: microseconds between two calls, and by how
 * many a call may be early. Answers -1, or after how many microseconds there may be one.
 */
export const TAKE: Script = {
  text: `
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = tonumber(redis.call('GET', KEYS[1])) or now
-- Later than it can be: the clock was set back, another server's clock is behind, or the limit was another.
due = math.max(now, math.min(due, now + tolerance + interval))
local early = due - now - tolerance
if early > 0.5 then return math.ceil(early) end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.2f', due), 'PX', string.format('%.0f', math.ceil((due - now) / 1000) + 1))
return -1
`,
}
