/** The marketplace with streams over its events: `dure sim examples/marketplace/simulation/insight.ts`. */
import assert from 'node:assert/strict'
import { FAULTS, sometimes, type CheckWorld, type Simulation } from '@dure/simulation'
import { Insight } from '../services/insight/contract.ts'
import { timeOf } from '../services/moment.ts'
import { marketplace } from '../system.ts'
import { CHECKOUTS } from './data.ts'
import { marketplaceSimulation } from './simulation.ts'

const ABANDONED = 'abandoned carts of streams = visits that ended without a checkout'

/** Milliseconds: customers are away for so long now and then, and disks and processes rarely. */
const [CART, IDLE] = [20_000, 30_000]
/** Events and messages are written one after the other, by one clock. */
const NEAR = 500

export function simulation(): Simulation {
  const inner = marketplaceSimulation((options) => marketplace({ ...options, insight: { cart: CART, idle: IDLE } }), {
    insight: true,
  })
  // Whose clock is an hour off says that its events were an hour ago: right answers to other questions.
  const faults = FAULTS.filter((kind) => kind !== 'clock jump')
  return { ...inner, faults, invariants: { ...inner.invariants, [ABANDONED]: checkCarts } }
}

/** Of one customer, in order. */
type Touch = { readonly time: number; readonly isOrdered: boolean }

async function checkCarts({ rows, client, sleep }: CheckWorld): Promise<void> {
  const touches = Map.groupBy(
    rows(
      'cart',
      `SELECT stream_id, time, 0 AS ordered FROM dure_events WHERE type = 'cart.line-put' UNION ALL
       SELECT stream_id, time, 1 FROM ${CHECKOUTS} AND json_array_length(data, '$.items') > 0 ORDER BY time`,
    ),
    ({ stream_id }) => Number(stream_id),
  )
  const insight = client(Insight)
  const all = [...touches.values()].flat().map(({ time }) => Number(time))
  const over = Math.max(0, ...all) + CART
  // Nothing comes any more, so time goes on with the clock.
  for (let tries = 0; tries < 200; tries++) {
    const carts = (await insight.progress({})).find(({ topology }) => topology === 'carts')!
    if (all.length === 0 || (carts.watermark !== undefined && timeOf(carts.watermark) > over)) break
    await sleep(1_000)
  }
  const found = new Map((await insight.abandonedCarts({ limit: 500 })).items.map((one) => [one.customerId, one]))
  for (const [customer, its] of touches) {
    const times = its.map(({ time, ordered }): Touch => ({ time: Number(time), isOrdered: ordered === 1 }))
    const [least, most] = [visitsOf(times, CART - NEAR), visitsOf(times, CART + NEAR)]
    // What is as long as a visit may be, to the half second, is one by the one clock and two by the other.
    if (least.length !== most.length) continue
    const left = most.filter((visit) => !visit.at(-1)!.isOrdered)
    if (left.length > 0) sometimes('a cart was abandoned')
    const said = found.get(customer) ?? { times: 0, lines: 0 }
    const lines = left.flat().filter(({ isOrdered }) => !isOrdered).length
    assert.deepEqual([said.times, said.lines], [left.length, lines], `carts of customer ${customer}`)
  }
  for (const customer of found.keys()) assert.ok(touches.has(customer), `customer ${customer} has had no cart`)
}

function visitsOf(touches: readonly Touch[], gap: number): readonly (readonly Touch[])[] {
  const visits: Touch[][] = []
  for (const touch of touches) {
    const last = visits.at(-1)
    if (last !== undefined && touch.time - last.at(-1)!.time <= gap) last.push(touch)
    else visits.push([touch])
  }
  return visits
}
