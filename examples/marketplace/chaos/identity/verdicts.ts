import type { Verdict } from '../edge/verdicts.ts'
import { STORE_TIMEOUT, WAYS, type Way } from './gateway.ts'
import type { Seen } from './load.ts'
import type { IdentityResult, Phase } from './run.ts'

/** Milliseconds by which a request may outlast the time of a store: what a busy machine takes to wake who waits. */
const SLACK = 1_500
/** Milliseconds until those are let in again whose store is back, and until a key is known that an issuer has begun to show. */
const [STORE_BACK, KEY_KNOWN] = [5_000, 65_000]

const PHASES = { redis: 'Redis', memcached: 'Memcached', issuer: 'the issuer' } as const

const count = (value: number): string => value.toLocaleString('en')
const statusesOf = ({ statuses }: Seen): string =>
  Object.entries(statuses)
    .map(([status, times]) => `${count(times)} × ${status}`)
    .join(', ') || 'no request'
const only = ({ requests, statuses }: Seen, status: number): boolean => requests > 0 && statuses[status] === requests

/** What was seen, beside what the guides say. */
export function verdictsOf({ before, phases, single }: IdentityResult): readonly Verdict[] {
  const [redis, memcached, issuer] = phases as readonly [Phase, Phase, Phase]
  return [
    ...WAYS.map((way) => served(`all at work: by ${way}`, before[way])),
    ...away(redis),
    back(redis, 'its sessions are there again', STORE_BACK),
    one('  a session of before', 200, single.redisKept),
    ...away(memcached),
    back(memcached, 'new sessions are let in', STORE_BACK),
    one('  a session of before is gone', 401, single.memcachedLost),
    ...away(issuer),
    one('  another token of a known key', 200, single.knownKey),
    one('  a token of an unknown key', 401, single.unknownKey),
    one('  at a gateway that never had its keys', 503, single.neverReached),
    back(issuer, 'its new key is known', KEY_KNOWN),
    one('  a token of that key', 200, single.keyShown),
  ]
}

/** Who depends on what is away is refused, in time; the others notice nothing. Tokens depend on no issuer. */
function away({ name, away: seen }: Phase): readonly Verdict[] {
  const what = `kill -9 of ${PHASES[name]}`
  return WAYS.flatMap((way: Way) => {
    if (way !== name) return [served(`${what}: by ${way}`, seen[way])]
    const { longest } = seen[way]
    return [
      { check: `${what}: by ${way}`, wanted: '503 alone', seen: statusesOf(seen[way]), ok: only(seen[way], 503) },
      {
        check: '  none waits for longer',
        wanted: `${count(STORE_TIMEOUT)} ms, and ${count(SLACK)} to wake`,
        seen: `the longest took ${count(longest)} ms`,
        ok: longest <= STORE_TIMEOUT + SLACK,
      },
    ]
  })
}

function served(check: string, seen: Seen): Verdict {
  return { check, wanted: '200 alone', seen: statusesOf(seen), ok: only(seen, 200) }
}

function one(check: string, wanted: number, seen: number): Verdict {
  return { check, wanted: String(wanted), seen: String(seen), ok: seen === wanted }
}

function back({ recovered }: Phase, check: string, most: number): Verdict {
  return { check: `  ${check}`, wanted: `${count(most)} ms at most`, seen: `after ${count(recovered)} ms`, ok: recovered <= most }
}
