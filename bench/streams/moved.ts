/**
 * How long a partition stands still when it moves: `node moved.ts ROUNDS`. Two copies on PostgreSQL, under load; one of them comes and
 * goes, and others see in the store when a partition was committed last by the one, and first by the other.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { start, type Adapter, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import pg from 'pg'
import { counting, messagesOf, NAME } from './counting.ts'

const PARTITIONS = 4
/** Milliseconds: between looks, between messages, and between coming and going. */
const [LOOK, PAUSE, STAY] = [5, 20, 2_000]
/** Messages that are published at once: 2,500 a second. */
const AT_ONCE = 50

type Row = { readonly partition: number; readonly epoch: string; readonly records: string }
type Last = { epoch: number; records: number; at: number; moved: boolean }

/** Longest of each move: from the last commit before it to the first behind it. */
function gapsOf() {
  const gaps: number[] = []
  const partitions = new Map<number, Last>()
  return {
    gaps,
    note: (rows: readonly Row[], at: number): void => {
      for (const { partition, ...row } of rows) {
        const [epoch, records] = [Number(row.epoch), Number(row.records)]
        const last = partitions.get(partition)
        if (last === undefined) partitions.set(partition, { epoch, records, at, moved: false })
        else {
          if (last.epoch !== epoch) Object.assign(last, { epoch, moved: true })
          if (last.records === records) continue
          if (last.moved) gaps.push(at - last.at)
          Object.assign(last, { records, at, moved: false })
        }
      }
    },
  }
}

const rounds = Number(process.argv[2])
const directory = mkdtempSync(join(tmpdir(), 'dure-bench-streams-'))
// PostgreSQL runs as somebody else where we are root.
chmodSync(directory, 0o755)
const steps: (() => Promise<unknown>)[] = []
try {
  const server = await startServer({ directory: join(directory, 'postgres') })
  steps.push(() => server.close())
  let broker: Broker | undefined
  const embedded = embeddedBroker({ durability: 'process', partitions: PARTITIONS })
  const noted: Adapter<Broker> = async (world) => (broker = await embedded(world as Parameters<typeof embedded>[0]))
  const of = counting(noted, postgres({ url: server.url() }))
  const run = async (part: string, copy = 1): Promise<Running> =>
    start(of, { directory, part: [part], copy, log: silentLogger() })
  const host = await run('broker')
  steps.push(() => host.stop())
  const first = await run(NAME)
  steps.push(() => first.stop())

  let goesOn = true
  const messages = messagesOf(1_000)
  let number = 0
  const load = (async () => {
    while (goesOn) {
      const some = Array.from({ length: AT_ONCE }, () => ({ ...messages[number % messages.length]!, id: `load-${number++}` }))
      await broker!.publish(some)
      await sleep(PAUSE)
    }
  })()
  const client = new pg.Client({ connectionString: server.url() })
  await client.connect()
  const { gaps, note } = gapsOf()
  const watch = (async () => {
    while (goesOn) {
      const { rows } = await client.query<Row>(`SELECT partition, epoch, records FROM ${NAME}.dure_stream_positions`)
      note(rows, performance.now())
      await sleep(LOOK)
    }
  })()
  await sleep(STAY)
  for (let round = 0; round < rounds; round++) {
    const second = await run(NAME, 2)
    await sleep(STAY)
    await second.stop()
    await sleep(STAY)
  }
  goesOn = false
  await Promise.all([load, watch])
  await client.end()
  const sorted = gaps.toSorted((one, other) => one - other)
  console.log(JSON.stringify({ moves: gaps.length, median: sorted[sorted.length >> 1], most: sorted.at(-1) }))
} finally {
  for (const step of steps.toReversed()) await step()
  rmSync(directory, { recursive: true, force: true })
}
