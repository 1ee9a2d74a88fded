import { createRateLimit, type RateLimit, type RatePolicy } from 'dure/resilience'
import { BYTES, checkNumbers } from 'dure/runtime/internal'
import { problem, type Answer } from '../proxy/proxy.ts'
import { filter, type Filter } from '../filter.ts'

/**
 * Refuses requests whose body is longer, with 413: at once where its length is said, else when it has come so far.
 * @throws {TypeError} when it is no number of bytes
 *
 * @example
 * ```ts
 * import { bodyLimit } from '@dure/gateway'
 *
 * console.log(bodyLimit(1_000_000).name) // → bodyLimit
 * ```
 */
export function bodyLimit(bytes: number): Filter {
  checkNumbers('limit bodies', { bytes }, { bytes: BYTES })
  return filter('bodyLimit', { before: (request) => request.limitBody(bytes) })
}

/** Whom requests are counted for. */
export type CountedBy = 'consumer' | 'address' | 'route'

export type RequestLimitOptions = {
  /** Default `consumer`, and the address of a client that nobody knows. */
  readonly by?: CountedBy
} & ((Partial<RatePolicy> & Pick<RatePolicy, 'rate'>) | { readonly limit: RateLimit })

/**
 * So many requests in a time, of each consumer, address or route; more are refused with 429 and `Retry-After`. For consumers it stands
 * behind the filter that finds them out.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { requestLimit } from '@dure/gateway'
 *
 * const limit = requestLimit({ rate: 100, per: 60_000, by: 'address' })
 * console.log(limit.name) // → requestLimit
 * ```
 */
export function requestLimit(options: RequestLimitOptions): Filter {
  const { by = 'consumer' } = options
  if (!('limit' in options)) createRateLimit({ ...options, clock: { now: () => 0, monotonic: () => 0 } })
  return filter('requestLimit', ({ runtime: { clock } }) => {
    const limit = 'limit' in options ? options.limit : createRateLimit({ ...options, clock })
    const decide = (taken: Awaited<ReturnType<RateLimit['take']>>): Answer | undefined => {
      if (taken.ok) return undefined
      const seconds = Math.max(1, Math.ceil(taken.after / 1_000))
      return problem(429, 'RESOURCE_EXHAUSTED', `There were too many requests; try again in ${seconds} s`, {
        'retry-after': String(seconds),
      })
    }
    return {
      before: ({ consumer, address, route }) => {
        const key = by === 'route' ? route : by === 'address' || consumer === undefined ? `@${address}` : consumer.name
        const taken = limit.take(key)
        return taken instanceof Promise ? taken.then(decide) : decide(taken)
      },
    }
  })
}
