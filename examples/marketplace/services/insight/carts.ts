import { session, stream, topology, type Table, type Topology } from 'dure/stream'
import { CartFilled, ReserveStock } from '../cart/contract.ts'
import { DISORDER, type InsightTimes } from './times.ts'

type Left = { readonly times: number; readonly lines: number; readonly last: number }
export type Abandoned = Left & { readonly customerId: number }
/** Of a customer who is in the shop: when the cart was filled and checked out last, and lines since then. */
type Visit = { readonly filled: number; readonly ordered: number; readonly lines: number }

export type Carts = { readonly topology: Topology; readonly abandoned: Table<Abandoned> }

const NEVER = 0

/** Carts that were filled, and left. */
export function cartsOf({ cart, idle }: InsightTimes): Carts {
  const filled = stream(CartFilled, { disorder: DISORDER, idle })
    .byKey()
    .map((_, __, time): Visit => ({ filled: time, ordered: NEVER, lines: 1 }))
  const ordered = stream(ReserveStock, { disorder: DISORDER, idle })
    .byKey()
    .map((_, __, time): Visit => ({ filled: NEVER, ordered: time, lines: 0 }))
  const abandoned = filled
    .merge(ordered)
    .window(session(cart), { late: 'drop' })
    .aggregate({
      name: 'visits',
      init: (): Visit => ({ filled: NEVER, ordered: NEVER, lines: 0 }),
      add: together,
      merge: together,
    })
    .toStream()
    .filter(({ value }) => value.filled > value.ordered)
    .keyBy(({ key }) => key)
    .aggregate({
      name: 'abandoned-carts',
      init: (): Left => ({ times: 0, lines: 0, last: NEVER }),
      add: ({ times, lines, last }, { value }) => {
        return { times: times + 1, lines: lines + value.lines, last: Math.max(last, value.filled) }
      },
      result: (left, key): Abandoned => ({ customerId: Number(key), ...left }),
    })
  return { topology: topology('carts', [abandoned]), abandoned }
}

const together = (one: Visit, other: Visit): Visit => ({
  filled: Math.max(one.filled, other.filled),
  ordered: Math.max(one.ordered, other.ordered),
  lines: one.lines + other.lines,
})
