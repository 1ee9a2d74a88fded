import { checkNumbers, COUNT, SHARE, WAIT } from 'dure/runtime/internal'
import type { Family, Reading } from 'dure/telemetry'
import { filter, type Filter } from '../filter.ts'

export type ShadowOptions = {
  /** Name of the upstream, or of the service of the registry, that gets copies. */
  readonly to: string
  /** Of the requests that may be copied, from 0 to 1. Default 1. */
  readonly share?: number
  /** Copies under way at once; of further requests none is sent. Default 64. */
  readonly atOnce?: number
  /** Milliseconds after which a copy that is not answered is given up. Default 5,000. */
  readonly timeout?: number
}

const COPIES: Family = {
  name: 'dure.gateway.shadow',
  unit: '{request}',
  kind: 'counter',
  help: 'Copies of requests, by where they went and how they ended; skipped: none was sent, as it was too long, or too many were under way',
}

/**
 * Sends copies of requests to another upstream, whose answers are read, counted and dropped: a new version under real requests. Requests that
 * may be sent again, by their method or their route, are copied, once they have arrived, with bodies as long as are kept (`replay`). Copies have the field
 * `x-shadow-request`; services that answer them must change nothing that others see. The request itself never waits for its copy.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { shadow } from '@dure/gateway'
 *
 * const routes = { orders: { prefix: '/orders', to: 'orders', filters: [shadow({ to: 'orders-next', share: 0.1 })] } }
 * console.log(routes.orders.filters[0]?.to) // → [ 'orders-next' ]
 * ```
 */
export function shadow({ to, share = 1, atOnce = 64, timeout = 5_000 }: ShadowOptions): Filter {
  checkNumbers('shadow requests', { share, atOnce, timeout }, { share: SHARE, atOnce: COUNT, timeout: WAIT })
  const made = filter('shadow', ({ runtime: { random }, observe, send }) => {
    const counts = new Map<string, number>()
    const count = (how: string): void => void counts.set(how, (counts.get(how) ?? 0) + 1)
    let under = 0
    observe(() => Array.from(counts, ([how, value]): Reading => ({ family: COPIES, attributes: { to, how }, value })))
    return {
      arrived: ({ repeatable }, copy) => {
        if (!repeatable || random.number() >= share) return
        if (copy === undefined || under >= atOnce) return count('skipped')
        under++
        const ended = (how: number | string): void => {
          under--
          count(typeof how === 'number' ? String(how) : how)
        }
        send({ ...copy, headFor: (instance) => marked(copy.headFor(instance)) }, { to, timeout, ended })
      },
    }
  })
  return { ...made, to: [to] }
}

const marked = (head: string): string => `${head.slice(0, -2)}x-shadow-request: true\r\n\r\n`
