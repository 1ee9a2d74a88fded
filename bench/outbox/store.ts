import { Client } from 'pg'
import { postgres } from '@dure/postgres'
import type { OutboxMessage, SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'

export type BenchPlace = { readonly url: string; readonly directory: string }

/** The store of a service of this name, in a schema of its own, with a table of rows to write; and the way to it. */
export async function openStore(
  { url: server, directory }: BenchPlace,
  service: string,
  settings = '',
): Promise<{ readonly store: SqlStore; readonly url: string }> {
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`CREATE SCHEMA ${service}`)
  await client.end()
  const url = `${server}?options=${encodeURIComponent(`-c search_path=${service} ${settings}`)}`
  const adapter = postgres({ url: () => url })({ directory, runtime: realRuntime(), log: silentLogger() })
  const migrations = {
    '001': 'CREATE TABLE rows (id BIGINT NOT NULL, account TEXT NOT NULL)',
    '001-accounts':
      "CREATE TABLE accounts (account TEXT PRIMARY KEY, spent BIGINT NOT NULL); INSERT INTO accounts VALUES ('account', 0)",
    '002': 'CREATE TABLE bare (LIKE dure_outbox INCLUDING ALL)',
  }
  return { store: await adapter.open(service, { migrations }), url }
}

const { ids, clock } = realRuntime()

/** A message as services publish it, of a few hundred bytes. */
export function messageOf(n: number): OutboxMessage {
  return {
    id: ids.next(),
    source: 'bench',
    type: 'bench.happened',
    key: `account-${n % 500}`,
    time: clock.now(),
    schemaVersion: 1,
    correlationId: ids.next(),
    causationId: undefined,
    traceparent: undefined,
    data: JSON.stringify({ id: n, account: `account-${n % 500}`, amount: 9.5, note: 'x'.repeat(100) }),
    destination: 'topic',
  }
}

/** The value below which this share of them lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
}
