import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { messageOf } from './store.ts'

/** What is used of the peer. */
type TransactionalOutbox = {
  readonly DatabaseSetup: Readonly<Record<string, (options: object) => string>>
  readonly getDisabledLogger: () => object
  readonly initializePollingMessageListener: (
    config: object,
    handler: { readonly handle: () => Promise<void> },
    logger: object,
    strategies: object,
  ) => readonly [shutdown: () => Promise<void>]
}

/** Messages it takes at once: its default of 5 is slower, and so is 200. */
const BATCH = 50

/** Milliseconds after which what was taken until then is its rate. */
const LONGEST = 10_000

type Rates = { readonly inOrder: number; readonly parallel: number }

/**
 * Messages a second that its polling listener takes from a table full of them: in order within a segment, a segment for
 * each key; and all side by side, without any order.
 */
export async function transactionalOutbox(
  peer: (name: string) => Promise<unknown>,
  url: string,
  backlog: number,
): Promise<Rates> {
  const library = (await peer('pg-transactional-outbox')) as TransactionalOutbox
  return {
    inOrder: await rate(library, url, Math.ceil(backlog / 10), 'sequential'),
    parallel: await rate(library, url, Math.ceil(backlog / 10), 'parallel'),
  }
}

async function rate(
  library: TransactionalOutbox,
  url: string,
  backlog: number,
  concurrency: 'sequential' | 'parallel',
): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const database = { outboxOrInbox: 'outbox', schema: 'public', table: 'peer_outbox', nextMessagesName: 'next_peer_messages' }
  const { dropAndCreateTable, createPollingFunction, setupPollingIndexes } = library.DatabaseSetup
  for (const part of [dropAndCreateTable, createPollingFunction, setupPollingIndexes]) await client.query(part!(database))
  const messages = Array.from({ length: backlog }, (_, n) => {
    const { type, key, data } = messageOf(n)
    return { id: randomUUID(), type, key, data, at: new Date(Date.now() - (backlog - n)).toISOString() }
  })
  await client.query(
    `INSERT INTO public.peer_outbox (id, aggregate_type, aggregate_id, message_type, segment, concurrency, payload, created_at, locked_until)
     SELECT (m->>'id')::uuid, 'account', m->>'key', m->>'type', m->>'key', $2, (m->>'data')::jsonb, (m->>'at')::timestamptz, to_timestamp(0)
     FROM jsonb_array_elements($1::jsonb) AS m`,
    [JSON.stringify(messages), concurrency],
  )
  await client.query('ANALYZE public.peer_outbox')
  const done = Promise.withResolvers<void>()
  let count = 0
  const started = performance.now()
  let last = started
  const [shutdown] = library.initializePollingMessageListener(
    {
      outboxOrInbox: 'outbox',
      dbListenerConfig: { connectionString: url, max: 20 },
      settings: {
        dbSchema: 'public',
        dbTable: 'peer_outbox',
        enableMaxAttemptsProtection: false,
        enablePoisonousMessageProtection: false,
        nextMessagesBatchSize: BATCH,
        nextMessagesFunctionName: 'next_peer_messages',
        nextMessagesPollingIntervalInMs: 1,
      },
    },
    {
      handle: async () => {
        last = performance.now()
        if (++count === backlog) done.resolve()
      },
    },
    library.getDisabledLogger(),
    // Its default begins with one message at a time, for a while; this one begins with full batches.
    { batchSizeStrategy: () => Promise.resolve(BATCH) },
  )
  const enough = setTimeout(done.resolve, LONGEST)
  await done.promise
  clearTimeout(enough)
  const taken = count
  const seconds = (last - started) / 1_000
  await shutdown()
  await client.end()
  return taken / seconds
}
