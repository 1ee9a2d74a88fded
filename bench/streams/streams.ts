import { copyFileSync, createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import type { BenchContext, BenchResult } from '../bench.ts'
import { nexmarkEvent } from '../nexmark/events.ts'
import { queryNames } from '../nexmark/sql.ts'
import { installPeers } from '../peers.ts'
import { flinkQueries } from './flink/queries.ts'
import { answerer, HERE, javaPeer, last, type Answerer } from './contenders.ts'

/** Its peers are installed here. */
export const peers = false

export type Scale = {
  readonly probes: number
  readonly sessions: number
  readonly decoded: number
  readonly committed: number
  /** Keys of state: in memory, and in a store that a service begins again with. */
  readonly kept: number
  readonly recovered: number
  readonly moves: number
  readonly events: number
  readonly peers: boolean
}

const SCALE: Scale = {
  ...{ probes: 1_000_000, sessions: 10_000, decoded: 500_000, events: 500_000, peers: true },
  ...{ committed: 500_000, kept: 1_000_000, recovered: 10_000_000, moves: 5 },
}

type About = {
  readonly scale: Scale
  readonly progress: (line: string) => void
  readonly figures: Record<string, number>
  readonly ratios: Record<string, number>
}

/**
 * Streams, every contender in a process of its own on one core. In memory with @kafkats/flow and Kafka Streams, each in its own test
 * driver: small documents, decoded and encoded, through a filter and a map, a count by key, and sessions. q0 from decoded batches, and
 * from bytes beside what JSON.parse alone does with them. As a service has them: a backlog that is counted and committed beside rows of
 * SQLite, a start with much state, partitions that move. Nexmark's queries over a file of documents, beside Flink's in a cluster within
 * a process, state on its heap.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchStreams(context, SCALE)
}

const parts = { probes, decoding, durable, nexmark }

export async function benchStreams(
  { progress }: BenchContext,
  scale: Scale,
  of: readonly (keyof typeof parts)[] = ['probes', 'decoding', 'durable', 'nexmark'],
): Promise<BenchResult> {
  if (scale.peers) await installPeers(HERE, progress)
  const about: About = { scale, progress, figures: {}, ratios: {} }
  for (const part of of) await parts[part](about)
  return { ratios: about.ratios, figures: about.figures }
}

type Rate = { readonly perSecond: number }

async function probes({ scale, progress, figures, ratios }: About): Promise<void> {
  const driver = scale.peers
    ? javaPeer('kafka-streams', { pom: KAFKA_STREAMS, main: join(HERE, 'kafka-streams/Driver.java') }, progress)
    : undefined
  for (const probe of ['filter_map', 'count', 'session'] as const) {
    progress(`${probe}: ours${scale.peers ? ', @kafkats/flow, and Kafka Streams' : ''}`)
    const { perSecond } = await last<Rate>('node', own('own.ts', probe, String(scale.probes)))
    figures[`${probe}_per_second`] = perSecond
    if (!scale.peers) continue
    // Their sessions become slower with each one that there is: more of them would only make it look worse.
    const count = probe === 'session' ? scale.sessions : scale.probes / 5
    const theirs = await last<Rate>('node', [join(HERE, 'kafkats.js'), probe, String(count)])
    figures[`${probe}_kafkats_per_second`] = theirs.perSecond
    ratios[`${probe}_vs_kafkats`] = perSecond / theirs.perSecond
    if (driver === undefined) continue
    const java = await last<Rate>('java', driver.words(probe, String(count)))
    figures[`${probe}_kafka_streams_driver_per_second`] = java.perSecond
    ratios[`${probe}_vs_kafka_streams_driver`] = perSecond / java.perSecond
  }
}

async function decoding({ scale, progress, figures, ratios }: About): Promise<void> {
  progress('q0, decoded and from bytes')
  const { parse, q0, json } = await last<Record<'parse' | 'q0' | 'json', number>>(
    'node',
    own('own.ts', 'decoding', String(scale.decoded)),
  )
  Object.assign(figures, { q0_events_per_s: q0, json_events_per_s: json, json_parse_per_s: parse })
  ratios['json_vs_json_parse'] = json / parse
}

async function durable({ scale, progress, figures, ratios }: About): Promise<void> {
  progress('a backlog, and rows of SQLite')
  const { perSecond } = await last<Rate>('node', own('durable.ts', 'committed', String(scale.committed)))
  const rows = await last<Record<'known' | 'appended', number>>('node', own('durable.ts', 'rows', String(scale.committed)))
  Object.assign(figures, {
    ...{ committed_per_s: perSecond, sqlite_rows_per_s: rows.known, sqlite_rows_appended_per_s: rows.appended },
  })
  ratios['committed_vs_sqlite_rows'] = perSecond / rows.known
  progress(`state of ${scale.kept} keys in memory, a start with ${scale.recovered} in the store, and partitions that move`)
  const { bytesPerKey } = await last<{ bytesPerKey: number }>('node', [
    '--expose-gc',
    ...own('own.ts', 'kept', String(scale.kept)),
  ])
  const { seconds, storedBytesPerKey } = await last<{ seconds: number; storedBytesPerKey: number }>(
    'node',
    own('durable.ts', 'recover', String(scale.recovered)),
  )
  const moved = await last<{ median: number; most: number }>('node', own('moved.ts', String(scale.moves)))
  Object.assign(figures, {
    ...{ state_bytes_per_key: bytesPerKey, stored_bytes_per_key: storedBytesPerKey, recover_seconds: seconds },
    ...{ move_gap_ms: moved.most, move_gap_median_ms: moved.median },
  })
}

async function nexmark({ scale, progress, figures, ratios }: About): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-streams-'))
  const file = join(folder, 'events.json')
  progress(`writing ${scale.events} events`)
  await writeEvents(file, scale.events)
  const ours = answerer('node', own('own.ts', 'nexmark', file))
  const flink = scale.peers ? flinkIn(folder, progress) : undefined
  try {
    await ours.ready
    await flink?.ready
    // The first of all makes both warm.
    await ours.ask('q0')
    await flink?.ask('q0')
    for (const query of queryNames) {
      const taken = Number(await ours.ask(query))
      figures[`${query}_per_second`] = (scale.events / taken) * 1000
      if (flink === undefined || flinkQueries[query] === undefined) continue
      const answer = await flink.ask(query)
      progress(`${query}: ours ${Math.round(taken)} ms, Flink ${answer}`)
      if (Number.isNaN(Number(answer))) continue
      figures[`${query}_flink_per_second`] = (scale.events / Number(answer)) * 1000
      ratios[`${query}_vs_flink`] = Number(answer) / taken
    }
  } finally {
    ours.stop()
    flink?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const KAFKA_STREAMS = join(HERE, '../../checks/judges/kafka-streams/pom.xml')
const own = (file: string, ...words: readonly string[]): readonly string[] => [
  ...['--conditions=dure-source', join(HERE, file)],
  ...words,
]

function flinkIn(folder: string, progress: (line: string) => void): Answerer | undefined {
  const flink = javaPeer('flink', { pom: join(HERE, 'flink/pom.xml'), main: join(HERE, 'flink/Nexmark.java') }, progress)
  if (flink === undefined) return undefined
  copyFileSync(join(HERE, 'flink/tables.sql'), join(folder, 'tables.sql'))
  for (const [query, text] of Object.entries(flinkQueries)) writeFileSync(join(folder, `${query}.sql`), text)
  return answerer('java', flink.words(folder))
}

/** A document a line: `{ kind, person | auction | bid }`. */
async function writeEvents(file: string, count: number): Promise<void> {
  const out = createWriteStream(file)
  let text = ''
  for (let n = 0; n < count; n++) {
    const { kind, value } = nexmarkEvent(n)
    text += `${JSON.stringify({ kind, [kind]: value })}\n`
    if (text.length < 1 << 20 && n < count - 1) continue
    if (!out.write(text)) await once(out, 'drain')
    text = ''
  }
  out.end()
  await once(out, 'finish')
}
