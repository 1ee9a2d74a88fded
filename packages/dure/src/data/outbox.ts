import { aliveFor, checkNumbers } from '../runtime/internal.ts'
import type { Outbox, OutboxOptions, StoreTransaction } from './database.ts'
import type { OutboxMessage, OutboxRow } from './outbox-row.ts'
import { RELAY_NUMBERS } from './relay-limits.ts'
import { createRelay } from './relay.ts'

/**
 * The outbox of a store with a single writer, whose order of commits is known in this process. Delivers what an
 * earlier run has left behind first. (A store with many writers has its own, which reads below a horizon.)
 *
 * @example
 * ```ts
 * import { bindDatabase, createOutbox, sqlite } from 'dure/data'
 * import { event } from 'dure/contract'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const OrderPlaced = event('order.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
 * const world = { directory: 'data/outbox', runtime: realRuntime(), log: silentLogger() }
 * const store = await sqlite()(world).open('orders', { migrations: {} })
 * const arrived = Promise.withResolvers<string>()
 * const deliver = async ([first]: readonly { readonly data: string }[]) => arrived.resolve(first!.data) // to your broker
 * const outbox = await createOutbox({ store, ...world, deliver })
 *
 * const origin = { service: 'orders', correlationId: 'c-1', causationId: undefined, traceparent: undefined }
 * await bindDatabase({ store, outbox, runtime: world.runtime, origin }).transaction((tx) => tx.publish(OrderPlaced, { id: 'a' }))
 * console.log(await arrived.promise) // → {"id":"a"}
 * await outbox.stop()
 * await store.stop()
 * ```
 */
export async function createOutbox(options: OutboxOptions): Promise<Outbox> {
  const { store, runtime, log, deliver, aside, limits = {} } = options
  checkNumbers('deliver from the outbox with these limits', limits, RELAY_NUMBERS)
  const { outbox: records } = store.records
  const left = await records.left()
  let next = left.last + 1
  const relay = createRelay({ store, runtime, log, deliver, aside, limits, left })
  const gathering = new WeakMap<StoreTransaction, OutboxMessage[]>()

  /** Positions are given in the order of commits: the store runs one transaction at a time. One that rolls back leaves a gap. */
  const write = async (tx: StoreTransaction): Promise<void> => {
    const messages = gathering.get(tx)
    if (messages === undefined) return
    gathering.delete(tx)
    const rows = messages.map((message): OutboxRow => ({ position: next++, message }))
    await records.append(tx, rows)
    await relay.sweep(tx)
    tx.onCommit(() => relay.take(rows))
  }

  return {
    append: (tx, messages) => {
      // Asked every time, though once would do, because a transaction that is over refuses it.
      tx.beforeCommit(() => write(tx))
      const gathered = gathering.get(tx)
      if (gathered === undefined) gathering.set(tx, [...messages])
      else gathered.push(...messages)
    },
    depth: relay.depth,
    size: relay.size,
    oldest: relay.oldest,
    flush: (options) => aliveFor(runtime.timers, () => relay.flush(options)),
    stop: relay.stop,
  }
}
