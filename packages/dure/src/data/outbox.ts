import { aliveFor } from '../runtime/internal.ts'
import type { Outbox, OutboxOptions, SqlRow, SqlTransaction, SqlValue, StoreTransaction } from './database.ts'
import { OUTBOX_COLUMNS, outboxMessage, outboxValues, type OutboxMessage, type OutboxRow } from './outbox-row.ts'
import { checkNumbers } from '../runtime/internal.ts'
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
  const [left] = await store.select(
    'SELECT count(*) AS total, coalesce(min(position), 0) AS first, coalesce(max(position), 0) AS last FROM dure_outbox',
  )
  const { total, first, last } = { total: Number(left!['total']), first: Number(left!['first']), last: Number(left!['last']) }
  let next = last + 1
  const relay = createRelay({
    service: store.service,
    runtime,
    log,
    deliver,
    aside,
    limits,
    left: { total, first, last },
    read: async (after, limit) => (await store.select(READ, [after, limit])).map(rowOf),
    transaction: store.transaction,
  })
  const gathering = new WeakMap<StoreTransaction, OutboxMessage[]>()

  /** Positions are given in the order of commits: the store runs one transaction at a time. One that rolls back leaves a gap. */
  const write = async (tx: SqlTransaction): Promise<void> => {
    const messages = gathering.get(tx)
    if (messages === undefined) return
    gathering.delete(tx)
    const rows = messages.map((message): OutboxRow => ({ position: next++, message }))
    for (let from = 0; from < rows.length; from += ROWS) {
      const some = rows.slice(from, from + ROWS)
      await tx.run(insert(some.length), some.flatMap(valuesOf))
    }
    await relay.sweep(tx)
    tx.onCommit(() => relay.take(rows))
  }

  return {
    append: (tx, messages) => {
      // Asked every time, though once would do, because a transaction that is over refuses it.
      tx.beforeCommit(() => write(tx as SqlTransaction))
      const gathered = gathering.get(tx)
      if (gathered === undefined) gathering.set(tx, [...messages])
      else gathered.push(...messages)
    },
    depth: relay.depth,
    oldest: relay.oldest,
    flush: () => aliveFor(runtime.timers, relay.flush),
    stop: relay.stop,
  }
}

/** Rows in one INSERT, at most: as many different statements as are worth preparing. */
const ROWS = 16

const COLUMNS = `position, ${OUTBOX_COLUMNS}`
/** As texts: a number that is too large to be read would make the whole table unreadable. */
const READ = `SELECT ${COLUMNS.replaceAll(/\b(?:delay|time|schema_version)\b/g, 'CAST($& AS TEXT) AS $&')} FROM dure_outbox WHERE position > ? ORDER BY position LIMIT ?`
const VALUES = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
const INSERTS: readonly string[] = Array.from(
  { length: ROWS + 1 },
  (_, count) => `INSERT INTO dure_outbox (${COLUMNS}) VALUES ${Array.from({ length: count }, () => VALUES).join(', ')}`,
)

function insert(count: number): string {
  return INSERTS[count]!
}

function valuesOf({ position, message }: OutboxRow): SqlValue[] {
  return [position, ...outboxValues(message)]
}

function rowOf(row: SqlRow): OutboxRow {
  return { position: Number(row['position']), message: outboxMessage(Object.values(row), 1) }
}
