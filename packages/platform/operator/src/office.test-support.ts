import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { auditLog } from 'dure/audit'
import { liveValues } from 'dure/config'
import { command, contract, error, event, query, stream } from 'dure/contract'
import { database } from 'dure/data'
import { aggregate } from 'dure/eventsourcing'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { desk, type Desk } from './operator.test-support.ts'
import { operatorParts } from './operator.ts'

const Given = event('cart.given', {
  schema: z.object({ cartId: z.string(), customer: z.string(), name: z.string(), at: z.date() }),
  key: (e) => e.cartId,
})
const Filled = event('cart.filled', {
  schema: z.object({ cartId: z.string(), count: z.int() }),
  key: (e) => e.cartId,
  partitions: 2,
})
const TooMany = error('TOO_MANY', { data: z.object({ most: z.bigint() }), message: 'That is too much' })
const Office = contract('office', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    give: command({ input: z.object({ cartId: z.string(), count: z.int() }), errors: { TooMany } }),
    seen: query({ output: z.array(z.string()) }),
    ticks: stream({ input: z.object({ upTo: z.int() }), output: z.int() }),
  },
  events: [Given, Filled],
})
const cart = aggregate('cart', {
  events: [Given, Filled],
  initial: () => ({ names: [] as readonly string[], count: 0 }),
  decide: () => [],
  evolve: (state, { type, data }) =>
    type === 'cart.given' ? { ...state, names: [...state.names, data.name] } : { ...state, count: state.count + data.count },
  personal: { 'cart.given': { subject: 'customer', fields: { name: '(forgotten)' } } },
})

/** What a system is made of that has something of everything. */
export function shop() {
  const trail = auditLog('tests/operators', { key: generateKeyPairSync('ed25519').privateKey })
  const seen: string[] = []
  const office = service(Office, {
    database: database({ migrations: {} }),
    extensions: [trail, cart],
    config: z.object({ limit: z.number().default(5) }),
    handlers: {
      give: ({ cartId, count }, { database, clock }) => {
        if (count > 99) throw TooMany({ most: 99n })
        return database.transaction(async (tx) => {
          const given = { cartId, customer: 'ada', name: 'Ada Lovelace', at: new Date(clock.now()) }
          await tx.append(cart.stream(cartId), [{ type: 'cart.given', data: given }], { expected: 'any' })
          await tx.append(cart.stream(cartId), [{ type: 'cart.filled', data: { cartId, count } }], { expected: 'any' })
          await tx.publish(Filled, { cartId, count })
        })
      },
      seen: () => seen,
      ticks: async function* ({ upTo }) {
        for (let n = 1; n <= upTo; n++) yield n
      },
    },
    subscriptions: ({ on }) => [on(Filled, ({ data }) => void seen.push(`${data.cartId} ${data.count}`))],
  })
  const config = [liveValues({ 'office.limit': 7 })]
  return { services: [office], audit: trail, config, seen } satisfies Partial<SystemOptions> & { readonly seen: string[] }
}

/** As one process, or with the desk in one and all else in another. */
export async function places(t: TestContext): Promise<readonly (readonly [string, Desk, string[]])[]> {
  const [whole, parted] = [shop(), shop()]
  const together = await desk(t, { ...whole, parts: operatorParts })
  const directory = mkdtempSync(join(tmpdir(), 'dure-operator-'))
  const { seen, ...options } = parted
  const broker: Running = await start(system('shop', { telemetry: false, ...options }), {
    ...{ directory, part: ['broker'], log: silentLogger() },
  })
  const office = await start(system('shop', { telemetry: false, ...options }), {
    ...{ directory, part: ['office'], log: silentLogger() },
  })
  const apart = await desk(t, { ...options, parts: operatorParts, directory, part: ['doors'] })
  t.after(async () => {
    await office.stop()
    await broker.stop()
  })
  return [
    ['together', together, whole.seen],
    ['split', apart, seen],
  ]
}
