import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Running } from 'dure/service'
import type { BenchContext, BenchResult } from '../bench.ts'

/**
 * Durable publish to durable effect, one process, SQLite: a transaction with a row and an event, through the
 * outbox and the embedded broker, to a transaction with the inbox mark and the effect. The floor is the same
 * machine doing bare SQLite commits with the same durability (WAL, synchronous=FULL), one row each.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-events-'))
  const seen = { count: 0, latencies: [] as number[], waiting: undefined as (() => void) | undefined, target: 0 }
  const running = await start(eventsSystem(seen), { directory: join(directory, 'system') })
  try {
    progress('warming up')
    await throughput(running, seen, 5_000)
    progress('throughput: 40,000 events')
    const rates = [await throughput(running, seen, 40_000), await throughput(running, seen, 40_000)]
    progress('latency at 1,000 events a second for ten seconds')
    const latencies = await latency(running, seen, { rate: 1_000, seconds: 10 })
    progress('the floor: bare commits')
    const commits = floor(directory, 5_000)
    const rate = Math.max(...rates)
    const at = (p: number): number => latencies[Math.min(latencies.length - 1, Math.ceil(p * latencies.length) - 1)]!
    return {
      ratios: { vs_floor: rate / commits, vs_floor_two_commits_an_event: rate / (commits / 2) },
      figures: {
        events_per_second: rate,
        events_per_second_runs: rates,
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: latencies.at(-1)!,
        bare_commits_per_second: commits,
      },
    }
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Seen = { count: number; latencies: number[]; waiting: (() => void) | undefined; target: number }

const Happened = event('bench.happened', {
  schema: z.object({ id: z.int(), account: z.string(), amount: z.number(), sentAt: z.number() }),
  key: (e) => e.account,
})
const Source = contract('source', {
  version: '1.0.0',
  owner: 'bench',
  operations: { emit: command({ input: z.object({ id: z.int(), sentAt: z.number() }) }) },
  events: [Happened],
})
const Target = contract('target', { version: '1.0.0', owner: 'bench', operations: {} })

type Rows = { rows: { id: number; account: string } }
const migrations = { '001': 'CREATE TABLE rows (id INTEGER NOT NULL, account TEXT NOT NULL)' }

function eventsSystem(seen: Seen) {
  const source = service(Source, {
    database: database<Rows>({ migrations }),
    handlers: {
      emit: ({ id, sentAt }, { database }) =>
        database.transaction(async (tx) => {
          const account = `account-${id % 500}`
          await tx.insertInto('rows').values({ id, account }).execute()
          await tx.publish(Happened, { id, account, amount: 9.5, sentAt })
        }),
    },
  })
  const target = service(Target, {
    database: database<Rows>({ migrations }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Happened, async ({ data }, { tx }) => {
        await tx.insertInto('rows').values({ id: data.id, account: data.account }).execute()
        if (data.sentAt > 0) seen.latencies.push(performance.now() - data.sentAt)
        if (++seen.count === seen.target) seen.waiting?.()
      }),
    ],
  })
  return system('bench', { services: [source, target] })
}

function expect(seen: Seen, count: number): Promise<void> {
  seen.count = 0
  seen.target = count
  return new Promise((resolve) => {
    seen.waiting = resolve
  })
}

/** Events a second, from the first publish to the last effect, 256 publishers at once. */
async function throughput(running: Running, seen: Seen, count: number): Promise<number> {
  const client = running.client(Source)
  const all = expect(seen, count)
  const started = performance.now()
  let next = 0
  const publisher = async (): Promise<void> => {
    while (next < count) await client.emit({ id: next++, sentAt: 0 })
  }
  await Promise.all(Array.from({ length: 256 }, publisher))
  await all
  return count / ((performance.now() - started) / 1000)
}

/** Milliseconds from before the publishing call to inside the effect, open loop, sorted. */
async function latency(running: Running, seen: Seen, options: { rate: number; seconds: number }): Promise<readonly number[]> {
  const client = running.client(Source)
  const count = options.rate * options.seconds
  const all = expect(seen, count)
  seen.latencies = []
  const started = performance.now()
  let sent = 0
  await new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * options.rate))
      // Each event's clock starts when it was due, so that a late sender does not hide a slow system.
      for (; sent < due; sent++) client.emit({ id: sent, sentAt: started + (sent / options.rate) * 1000 }).catch(reject)
      if (sent === count) {
        clearInterval(timer)
        resolve()
      }
    }, 1)
  })
  await all
  return seen.latencies.toSorted((a, b) => a - b)
}

/** Bare commits of one row a second, as durable as ours. */
function floor(directory: string, count: number): number {
  const db = new DatabaseSync(join(directory, 'floor.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER NOT NULL, account TEXT NOT NULL)')
  const insert = db.prepare('INSERT INTO rows (id, account) VALUES (?, ?)')
  const started = performance.now()
  for (let id = 0; id < count; id++) insert.run(id, 'account')
  const rate = count / ((performance.now() - started) / 1000)
  db.close()
  return rate
}
