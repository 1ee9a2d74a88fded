/** What tests of the event store share: a cart, and copies of a service that has it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, event } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import {
  bindDatabase,
  createOutbox,
  type Database,
  type DatabaseAdapter,
  type DatabaseDefinition,
  type Outbox,
  type OutboxMessage,
  type SqlStore,
} from '../data/data.ts'
import { bindTransaction } from '../data/internal.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import type { ExtensionHost, ExtensionKind, OpenExtension } from '../service/internal.ts'
import type { Extension } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { aggregate, eventsOf, type EventReader, type EventTransaction } from './eventsourcing.ts'

const cartId = z.string()
export const Added = event('cart.added', {
  schema: z.object({ cartId, sku: z.string(), count: z.int() }),
  key: (e) => e.cartId,
})
export const Closed = event('cart.closed', { schema: z.object({ cartId, at: z.date() }), key: (e) => e.cartId })
export const events = [Added, Closed] as const
export const CartState = z.object({ items: z.record(z.string(), z.int()), closed: z.boolean() })
export type Cart = z.infer<typeof CartState>
export type Change = { readonly add: string; readonly count: number } | 'close'

export const initial = (): Cart => ({ items: {}, closed: false })
export function evolve({ items, closed }: Cart, event: { type: string; data: unknown }): Cart {
  if (event.type === 'cart.closed') return { items, closed: true }
  const { sku, count } = event.data as { sku: string; count: number }
  return { items: { ...items, [sku]: (items[sku] ?? 0) + count }, closed }
}
export const added = (id: string, sku: string, count = 1) => ({ type: 'cart.added', data: { cartId: id, sku, count } }) as const

/** Of one cart: commands say nothing of which. */
export const cart = aggregate('cart', {
  events,
  initial,
  decide: (change: Change, { items, closed }) => {
    if (closed) throw new CallError('FAILED_PRECONDITION', 'The cart is closed')
    if (change === 'close') return [{ type: 'cart.closed', data: { cartId: 'c', at: new Date(0) } }]
    return (items[change.add] ?? 0) + change.count > 1_000 ? [] : [added('c', change.add, change.count)]
  },
  evolve,
  publish: [Closed],
  snapshot: { every: 10, state: CartState },
})

/** One copy of a service. */
export type Copy = {
  readonly transaction: <T>(
    work: (tx: Parameters<Parameters<Database<unknown>['transaction']>[0]>[0] & EventTransaction) => Promise<T>,
  ) => Promise<T>
  readonly events: EventReader
  readonly store: SqlStore
  /** Others that it has opened beside, by name. */
  readonly stores: ReadonlyMap<string, SqlStore>
  readonly open: ReadonlyMap<ExtensionKind, OpenExtension>
}

export type Rig = {
  readonly directory: string
  readonly sent: OutboxMessage[]
  /** Opens so many more; where one process has the store, they share it. */
  readonly copy: (extensions: readonly Extension[], runtime?: Partial<Runtime>) => Promise<Copy>
}

export function rigOf(t: TestContext): Rig {
  const directory = mkdtempSync(join(tmpdir(), 'dure-events-'))
  const stops: (() => Promise<unknown>)[] = []
  const sent: OutboxMessage[] = []
  const world = { directory, runtime: realRuntime(), log: silentLogger() }
  /** What one process has alone, by name. */
  const shared = new Map<string, { readonly store: SqlStore; readonly outbox: Outbox }>()
  let before: Promise<unknown> = Promise.resolve()
  t.after(async () => {
    for (const stop of stops.toReversed()) await stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const openStore = async (name: string, adapter: DatabaseAdapter<SqlStore>, definition: DatabaseDefinition<unknown>) => {
    const known = shared.get(name)
    if (known !== undefined) return known
    const store = await adapter.open(name, definition)
    const deliver = async (messages: readonly OutboxMessage[]) => void sent.push(...messages)
    const outbox = await (store.outbox ?? createOutbox)({ store, deliver, ...world })
    stops.push(() => outbox.stop({ timeout: 1_000 }).then(() => store.stop({ timeout: 1_000 })))
    if (store.sharing === 'exclusive') shared.set(name, { store, outbox })
    return { store, outbox }
  }

  const openCopy = async (extensions: readonly Extension[], own: Partial<Runtime>): Promise<Copy> => {
    const runtime = { ...world.runtime, ...own }
    const adapter = await testAdapter(world)
    const made = extensions.map(({ kind: { migrations } }) =>
      typeof migrations === 'function' ? migrations(adapter.name) : migrations,
    )
    const definition = { migrations: Object.assign({}, ...made) as {} }
    const { store, outbox } = await openStore('carts', adapter, definition)
    const origin = { service: 'carts', correlationId: 'c-1', causationId: undefined, traceparent: undefined }
    const stores = new Map<string, SqlStore>()
    const open = new Map<ExtensionKind, OpenExtension>()
    const joins = [(tx: never, from: never) => Object.assign({}, ...[...open.values()].map((one) => one.join?.(tx, from)))]
    const bound = { outbox, runtime, joins: joins as never, origin }
    const host = {
      ...{ service: 'carts', store, outbox, runtime, log: world.log, tracer: undefined },
      bind: (tx, from) => bindTransaction(tx, { ...bound, origin: from }),
      // Stopped by the rig: another copy may have it as well.
      openStore: async (name, of) => {
        const { store: beside } = await openStore(`carts--${name}`, adapter, of)
        stores.set(name, beside)
        return { ...beside, stop: async () => {} }
      },
    } as Partial<ExtensionHost> as ExtensionHost
    for (const [kind, values] of Map.groupBy(extensions, ({ kind: of }) => of)) {
      const one = await kind.open(host, values)
      open.set(kind, one)
      stops.push(() => one.stop({ timeout: 1_000 }))
    }
    const database = bindDatabase<unknown>({ ...bound, store })
    return { transaction: database.transaction as Copy['transaction'], events: eventsOf(database), store, stores, open }
  }

  return {
    directory,
    sent,
    copy: (extensions, own = {}) => {
      const opening = before.then(() => openCopy(extensions, own))
      before = opening.catch(() => {})
      return opening
    },
  }
}

export async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

/** Waits for a condition; the test's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}
