import { Client } from 'pg'
import { createPublisher, outboxSchema, type NewMessage } from '@dure/postgres/outbox'
import { messageOf, type BenchPlace } from './store.ts'

/** A relay as far as a rate asks for it. */
export type DrainingRelay = { readonly flush: () => Promise<void>; readonly stop: () => Promise<void> }

export type Backlog = {
  readonly messages: number
  /** Published in one transaction. */
  readonly together: number
  /** To be called before anything is published: what the relay needs to find. */
  readonly prepare?: (connection: BacklogConnection) => Promise<void>
  readonly relay: (connection: BacklogConnection, deliver: (messages: readonly unknown[]) => Promise<void>) => DrainingRelay
  /** Removes what the schema does not hold. */
  readonly clean?: (client: Client) => Promise<unknown>
}

export type BacklogConnection = { readonly connectionString: string; readonly options: string }

/** Messages a second that one relay takes from an outbox full of them, until the last one is delivered. */
export async function drainRate({ url }: BenchPlace, backlog: Backlog): Promise<number> {
  const { messages, together, prepare, relay, clean } = backlog
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('CREATE SCHEMA backlog; SET search_path = backlog')
    await client.query(outboxSchema)
    const connection = inSchema(url, 'backlog')
    await prepare?.(connection)
    const publish = createPublisher({ source: 'bench', notify: false })
    for (let from = 0; from < messages; from += together) {
      await client.query('BEGIN')
      await publish(client, ...Array.from({ length: together }, (_, at) => newMessageOf(from + at)))
      await client.query('COMMIT')
    }
    const started = performance.now()
    let delivered = 0
    let last = started
    const draining = relay(connection, async (some) => {
      delivered += some.length
      last = performance.now()
    })
    await draining.flush()
    await draining.stop()
    if (delivered !== messages) throw new Error(`The relay delivered ${delivered} of ${messages} messages`)
    return messages / ((last - started) / 1_000)
  } finally {
    await clean?.(client)
    await client.query('DROP SCHEMA IF EXISTS backlog CASCADE')
    await client.end()
  }
}

export function inSchema(url: string, schema: string): BacklogConnection {
  return { connectionString: url, options: `-c search_path=${schema}` }
}

/** A message as an application without the chassis says it. */
export function newMessageOf(n: number): NewMessage & { readonly id: string } {
  const { type, key, data, id } = messageOf(n)
  return { type, key, id, data: JSON.parse(data) as unknown }
}
