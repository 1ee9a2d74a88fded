import { findings, number, sum, type Invariant } from './finding.ts'
import type { Facts, InsightFacts } from './facts.ts'
import { isPaid } from './statuses.ts'

/** What streams have made of events is what the tables of the services come to. */
export function checkInsight(facts: Facts): Invariant[] {
  const { insight, revenueByEntries, soldByEntries } = facts
  if (insight === undefined) return []
  return [
    alike('revenue of streams = paid lines', insight.revenue, revenueByEntries),
    alike('pieces sold of streams = pieces in paid orders', insight.sold, soldByEntries),
    outcomes(facts, insight),
    suspects(facts, insight),
  ]
}

function alike(name: string, streams: ReadonlyMap<string, number>, tables: ReadonlyMap<string, number>): Invariant {
  const wrong = findings()
  for (const key of new Set([...streams.keys(), ...tables.keys()])) {
    const [one = 0, other = 0] = [streams.get(key), tables.get(key)]
    if (one !== other) wrong.add(`${key}: ${one} by streams, ${other} by tables`)
  }
  return wrong.invariant(name, `${number(sum(streams.values(), (value) => value))} in ${number(streams.size)} rows`)
}

/** Whoever had to wait for too long was told of as such, and is settled since: of nobody it says more than there is. */
function outcomes({ orders }: Facts, insight: InsightFacts): Invariant {
  const wrong = findings()
  const customers = Map.groupBy(orders, ({ customer }) => customer)
  for (const [customer, its] of customers) {
    const { shipped, refused, unpaid, unshipped } = insight.outcomes.get(customer) ?? NONE
    const [paid, failed] = [its.filter(({ status }) => isPaid(status)).length, its.filter(isRefused).length]
    const isRight =
      shipped + refused + unpaid + unshipped === its.length &&
      shipped <= paid &&
      refused <= failed &&
      shipped + unshipped + unpaid >= paid
    if (!isRight)
      wrong.add(
        `customer ${customer}: ${shipped} shipped, ${refused} refused, ${unpaid} unpaid and ${unshipped} unshipped by streams; ${paid} paid and ${failed} refused of ${its.length}`,
      )
  }
  for (const customer of insight.outcomes.keys()) if (!customers.has(customer)) wrong.add(`customer ${customer} has no orders`)
  return wrong.invariant('outcomes of streams = orders', `${number(orders.length)} orders of ${number(customers.size)} customers`)
}

const NONE = { shipped: 0, refused: 0, unpaid: 0, unshipped: 0 }
const isRefused = ({ status }: Facts['orders'][number]): boolean => status === 'PAYMENT_FAILED'

const MINUTE = 60_000
/** A mark is written right behind what it speaks of, by the same clock. */
const NEAR = 1_000

function suspects({ refusals }: Facts, { suspects: found }: InsightFacts): Invariant {
  const wrong = findings()
  for (const customer of new Set([...refusals.keys(), ...found.keys()])) {
    const times = refusals.get(customer) ?? []
    const [least, most] = [mostWithin(times, MINUTE - NEAR), mostWithin(times, MINUTE + NEAR)]
    const said = found.get(customer)
    if (said === undefined ? least >= 3 : said < 3 || said < least || said > most)
      wrong.add(`customer ${customer}: ${said ?? 'not suspected'}, refused ${least} to ${most} times within a minute`)
  }
  return wrong.invariant('suspects of streams = payments refused within a minute', `${number(found.size)} suspects`)
}

/** The most of these times, which are in order, that are within so many milliseconds. */
function mostWithin(times: readonly number[], ms: number): number {
  let [most, from] = [0, 0]
  for (const [at, time] of times.entries()) {
    while (time - times[from]! > ms) from++
    most = Math.max(most, at - from + 1)
  }
  return most
}
