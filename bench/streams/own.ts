/**
 * Ours, measured alone in a process: `node own.ts PROBE COUNT` for what kafkats.js does; `node own.ts nexmark FILE` for queries over
 * a file with a document a line, whose names are lines of the input; `node --expose-gc own.ts kept KEYS` for what state takes.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { event } from 'dure/contract'
import { session, stream, topology, type Keyed, type Output } from 'dure/stream'
import { openTask, sourcesOf, type InputRecord } from 'dure/stream/internal'
import { z } from 'zod'
import { answering, keyOf, type Answering } from '../nexmark/answers.ts'
import { nexmarkEvent, type Bid, type NexmarkEvent } from '../nexmark/events.ts'
import { queries } from '../nexmark/queries/queries.ts'
import type { QueryName } from '../nexmark/sql.ts'
import { documents, told, type Given } from './documents.ts'

const BATCH = 1_000
const FOREVER = Number.MAX_SAFE_INTEGER
const COMMA = 44
/** Documents that there are at once, and come again: as many as the others are given. To look through a larger heap takes time as well. */
const DISTINCT = 200_000

type Order = { readonly id: string; readonly n: number }

const Placed = event('bench.order', { schema: z.object({ id: z.string(), n: z.int() }), key: ({ id }) => id })
const Out = event('bench.out', { schema: z.unknown(), key: () => 'out' })
const orders = (): Keyed<Order> => stream(Placed).byKey()

const probes: Readonly<Record<string, () => Output>> = {
  filter_map: () =>
    orders()
      .filter(({ n }) => n % 2 === 0)
      .map(({ id, n }) => ({ id, doubled: n * 2 }))
      .to(Out, (made) => made),
  count: () =>
    orders()
      .count({ name: 'count' })
      .to(Out, (count) => count),
  session: () => orders().window(session('10s'), { late: 'drop', results: 'updates' }).count({ name: 'sessions' }),
}

/** The documents of a batch as one: a call of JSON.parse costs as much as a small document does. With larger ones nothing is gained. */
function decoded<T>(given: readonly Given[]): readonly T[] {
  const whole = Buffer.allocUnsafe(given.reduce((sum, { value }) => sum + value.length + 1, 0))
  let at = 0
  for (const { value } of given) {
    whole.set(value, at)
    at += value.length
    whole[at++] = COMMA
  }
  return JSON.parse(`[${whole.toString('utf8', 0, at - 1)}]`) as readonly T[]
}

async function probed(name: string, count: number): Promise<void> {
  const given = documents(Math.min(count, DISTINCT))
  const probe = topology('probe', [probes[name]!()])
  const [source] = sourcesOf(probe).values()
  let written = 0
  // As bytes would be sent on.
  const publish = (_: unknown, data: unknown): void => void (written += JSON.stringify(data).length)
  const task = openTask({ nodes: probe.nodes, now: FOREVER, publish })
  await told(count, () => {
    for (let begun = 0; begun < count; begun += given.length)
      for (let from = 0; from < given.length; from += BATCH) {
        const batch = given.slice(from, from + BATCH)
        const values = decoded<Order>(batch)
        const records = batch.map(({ key, time }, at): InputRecord => ({ value: values[at], key, time: time + begun }))
        task.process(source!, 0, records, FOREVER)
      }
    task.end()
  })
  if (name !== 'session' && written === 0) throw new Error('Cannot measure: nothing was published')
}

/** Bytes of memory for each key of a count. */
function kept(keys: number): void {
  const counts = topology('probe', [probes['count']!()])
  const [source] = sourcesOf(counts).values()
  const task = openTask({ nodes: counts.nodes, now: FOREVER, publish: () => {} })
  const used = (): number => {
    gc!()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  for (let from = 0; from < keys; from += BATCH)
    task.process(
      source!,
      0,
      Array.from({ length: BATCH }, (_, n) => ({ value: undefined, key: `key-${from + n}`, time: 0 })),
      FOREVER,
    )
  // What is committed is no change any more.
  for (const { held } of task.parts) held.dirty.length = 0
  console.log(JSON.stringify({ bytesPerKey: (used() - before) / keys }))
}

type Batch = { readonly kind: NexmarkEvent['kind']; readonly records: InputRecord[] }

/** In batches of one kind, each of them not longer than a thousand; kinds keep their order to each other within a few. */
function* batches(events: Iterable<NexmarkEvent>): Generator<Batch, void, undefined> {
  const waiting: Record<NexmarkEvent['kind'], InputRecord[]> = { person: [], auction: [], bid: [] }
  for (const one of events) {
    const { kind, value } = one
    const records = waiting[kind]
    records.push({ value, key: keyOf(one), time: value.dateTime })
    if (kind !== 'bid' || records.length < BATCH) continue
    for (const each of ['person', 'auction', 'bid'] as const) {
      if (waiting[each].length > 0) yield { kind: each, records: waiting[each] }
      waiting[each] = []
    }
  }
  for (const kind of ['person', 'auction', 'bid'] as const) if (waiting[kind].length > 0) yield { kind, records: waiting[kind] }
}

/** What it says goes nowhere, as Flink's does. */
const opened = (query: QueryName): Answering => answering(queries[query](), FOREVER, { drops: true })

/** From documents on a disk to the answer, one line after the other. */
async function fromFile(query: QueryName, file: string): Promise<number> {
  const begun = performance.now()
  const one = opened(query)
  let rest = ''
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: 1 << 20 })) {
    const text = rest + (chunk as string)
    const end = text.lastIndexOf('\n')
    rest = text.slice(end + 1)
    // No document has a line's end in itself.
    const documents = JSON.parse(`[${text.slice(0, end).replaceAll('\n', ',')}]`) as readonly Line[]
    for (const { kind, records } of batches(documents.map(eventOf))) one.process(kind, records)
  }
  one.rows()
  return performance.now() - begun
}

type Line = { readonly kind: NexmarkEvent['kind'] } & Readonly<Partial<Record<NexmarkEvent['kind'], unknown>>>

const eventOf = (line: Line): NexmarkEvent => ({ kind: line.kind, value: line[line.kind] }) as NexmarkEvent

/** What decoding takes by itself, and q0 with and without it. */
function decoding(count: number): void {
  const events = Array.from({ length: count }, (_, n) => nexmarkEvent(n)).filter(({ kind }) => kind === 'bid')
  const bytes = events.map(({ value }) => Buffer.from(JSON.stringify(value)))
  const ready = [...batches(events)]
  const through = (of: Iterable<Batch>): void => {
    const one = opened('q0')
    for (const { kind, records } of of) one.process(kind, records)
    one.rows()
  }
  let seen = 0
  const runs = {
    parse: (): void => {
      for (const one of bytes) seen += (JSON.parse(one.toString()) as { price: number }).price
    },
    q0: (): void => through(ready),
    json: (): void =>
      through(
        batches(
          (function* () {
            for (const one of bytes) yield { kind: 'bid', value: JSON.parse(one.toString()) as Bid } as const
          })(),
        ),
      ),
  }
  const best = { parse: 0, q0: 0, json: 0 }
  // In turns: a machine that is busy for a while is so for all of them.
  for (let round = 0; round < 5; round++)
    for (const name of ['parse', 'q0', 'json'] as const) {
      const begun = performance.now()
      runs[name]()
      best[name] = Math.max(best[name], (events.length / (performance.now() - begun)) * 1000)
    }
  console.log(JSON.stringify({ ...best, seen }))
}

const [, , what, how] = process.argv
if (what === 'nexmark') {
  console.log('ready')
  for await (const query of createInterface({ input: process.stdin })) console.log(await fromFile(query as QueryName, how!))
} else if (what === 'decoding') decoding(Number(how))
else if (what === 'kept') kept(Number(how))
else await probed(what!, Number(how))
