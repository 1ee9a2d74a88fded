import { createHash } from 'node:crypto'
import { createRateLimit, type RatePolicy, type Taken } from 'dure/resilience'
import { realRuntime, type Runtime } from 'dure/runtime'
import { checkNumbers, WAIT } from 'dure/runtime/internal'
import { silentLogger, type Logger } from 'dure/telemetry'
import type { RedisServer } from './connection.ts'
import { connectOnDemand } from './on-demand.ts'
import { TAKE } from './scripts/rate.ts'

export type RedisRateLimitOptions = RedisServer &
  Partial<RatePolicy> &
  Pick<RatePolicy, 'rate'> & {
    /** Which limit it is: processes that say the same share it. */
    readonly name: string
    /** Milliseconds for an answer: a call that waits for its limit waits so long at most. Default 250. */
    readonly timeout?: number
    /** Milliseconds for which a server that has not answered is not asked. Default 1,000. */
    readonly pause?: number
    readonly runtime?: Runtime
    readonly log?: Logger
  }

/** The port `RateLimit`, on a server. */
export type RedisRateLimit = {
  /** @throws {CallError} when the server does not answer */
  readonly take: (key: string) => Promise<Taken>
  readonly close: () => void
}

/** Longer keys are kept as their digest. */
const LONGEST_KEY = 200

/**
 * A rate limit that many processes share, counted in Redis by Redis' own clock: what the clocks of the processes say changes nothing. It
 * connects when it is first asked. While the server does not answer `take` rejects, and `rateLimit({ limit, unreachable })` says what is done then.
 * @throws {TypeError} when a number or a name cannot be used
 *
 * @example
 * ```ts
 * import { redisRateLimit } from '@dure/redis'
 * import { rateLimit } from 'dure/resilience'
 *
 * const limit = redisRateLimit({ url: 'redis://127.0.0.1:1', name: 'letters', rate: 100, timeout: 2_000 }) // nothing listens there
 * const letters = rateLimit({ limit, unreachable: 'refuse', name: 'letters' })
 * console.log(await letters.run(async () => 'sent').catch((error: { code: string }) => error.code)) // → UNAVAILABLE
 * limit.close()
 * ```
 */
export function redisRateLimit(options: RedisRateLimitOptions): RedisRateLimit {
  const { url, name, credentials, tls, prefix = 'dure', timeout = 250, pause = 1_000, log = silentLogger() } = options
  const { runtime = realRuntime() } = options
  const { rate, per = 1_000, burst = rate } = options
  // The same numbers as in one process, checked in the same words.
  createRateLimit({ rate, per, burst, clock: runtime.clock })
  checkNumbers('limit the rate of calls by Redis', { timeout, pause }, { timeout: WAIT, pause: { ...WAIT, least: 0 } })
  for (const [what, said] of Object.entries({ prefix, name }))
    if (!/^[\w.-]{1,64}$/.test(said))
      throw new TypeError(
        `Cannot limit the rate of calls by Redis: its ${what} is "${said}"; give 1 to 64 letters, digits, dots and dashes`,
      )
  const interval = (per * 1_000) / rate
  const server = connectOnDemand({ url, credentials, tls, timeout }, pause, { runtime, log })

  return {
    take: async (key) => {
      if (server.isClosed()) throw new Error(`Cannot take from the rate limit "${name}": it was closed`)
      const part = key.length > LONGEST_KEY ? createHash('sha256').update(key).digest('hex') : key
      const early = await server.run<number>(
        `take from the rate limit "${name}"`,
        TAKE,
        [`${prefix}:rate:${name}:${part}`],
        [interval, (burst - 1) * interval],
      )
      return early < 0 ? { ok: true } : { ok: false, after: early / 1_000 }
    },
    close: server.close,
  }
}
