import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import type { BenchContext, BenchResult } from '../bench.ts'
import { MEASURED, pin } from '../gateway/processes.ts'
import { nexmarkEvent } from '../nexmark/events.ts'
import { queryNames, type QueryName } from '../nexmark/sql.ts'
import { installOnce, installPeers } from '../peers.ts'
import { flinkQueries } from './flink/queries.ts'

/** Its peers are installed here. */
export const peers = false

export type Scale = {
  readonly probes: number
  readonly sessions: number
  readonly decoded: number
  readonly events: number
  readonly peers: boolean
}

const HERE = import.meta.dirname
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

/**
 * Streams in memory, every contender in a process of its own on one core. With @kafkats/flow: small documents, decoded and encoded,
 * through a filter and a map, a count by key, and sessions. q0 from decoded batches, and from bytes beside what JSON.parse alone
 * does with them. Nexmark's queries over a file of documents, beside Flink's in a cluster within a process, state on its heap.
 * It waits for no disk.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchStreams(context, { probes: 1_000_000, sessions: 10_000, decoded: 500_000, events: 500_000, peers: true })
}

export async function benchStreams({ progress }: BenchContext, scale: Scale): Promise<BenchResult> {
  if (scale.peers) await installPeers(HERE, progress)
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-streams-'))
  const figures: Record<string, number> = {}
  const ratios: Record<string, number> = {}
  try {
    for (const probe of ['filter_map', 'count', 'session'] as const) {
      progress(`${probe}: ours${scale.peers ? ', and @kafkats/flow' : ''}`)
      const own = await rate(probe, scale.probes)
      figures[`${probe}_per_second`] = own
      if (!scale.peers) continue
      // Its sessions become slower with each one that there is: more of them would only make it look worse.
      const count = probe === 'session' ? scale.sessions : scale.probes / 5
      const theirs = await last<{ perSecond: number }>('node', [join(HERE, 'kafkats.js'), probe, String(count)])
      figures[`${probe}_kafkats_per_second`] = theirs.perSecond
      ratios[`${probe}_vs_kafkats`] = own / theirs.perSecond
    }
    progress('q0, decoded and from bytes')
    const { parse, q0, json } = await last<Record<'parse' | 'q0' | 'json', number>>(
      'node',
      own('decoding', String(scale.decoded)),
    )
    Object.assign(figures, { q0_events_per_s: q0, json_events_per_s: json, json_parse_per_s: parse })
    ratios['json_vs_json_parse'] = json / parse
    progress(`writing ${scale.events} events`)
    await writeEvents(join(folder, 'events.json'), scale.events)
    await nexmark({ folder, scale, progress, figures, ratios })
    return { ratios, figures }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function nexmark(about: {
  readonly folder: string
  readonly scale: Scale
  readonly progress: (line: string) => void
  readonly figures: Record<string, number>
  readonly ratios: Record<string, number>
}): Promise<void> {
  const { folder, scale, progress, figures, ratios } = about
  const ours = answerer('node', own('nexmark', join(folder, 'events.json')))
  const flink = scale.peers ? flinkIn(folder, progress) : undefined
  try {
    await ours.ready
    await flink?.ready
    // The first of all makes both warm.
    await ours.ask('q0')
    await flink?.ask('q0')
    for (const query of queryNames) {
      const own = Number(await ours.ask(query))
      figures[`${query}_per_second`] = (scale.events / own) * 1000
      if (flink === undefined || flinkQueries[query] === undefined) continue
      const answer = await flink.ask(query)
      progress(`${query}: ours ${Math.round(own)} ms, Flink ${answer}`)
      if (Number.isNaN(Number(answer))) continue
      figures[`${query}_flink_per_second`] = (scale.events / Number(answer)) * 1000
      ratios[`${query}_vs_flink`] = Number(answer) / own
    }
  } finally {
    ours.stop()
    flink?.stop()
  }
}

const own = (...words: readonly string[]): readonly string[] => ['--conditions=dure-source', join(HERE, 'own.ts'), ...words]
const rate = async (probe: string, count: number): Promise<number> =>
  (await last<{ perSecond: number }>('node', own(probe, String(count)))).perSecond

function started(
  program: string,
  words: readonly string[],
): ChildProcess & { stdin: NonNullable<ChildProcess['stdin']>; stdout: NonNullable<ChildProcess['stdout']> } {
  const child = spawn(program === 'node' ? process.execPath : program, words, { cwd: HERE, stdio: ['pipe', 'pipe', 'inherit'] })
  pin(child, MEASURED)
  return child
}

/** What a program says in its last line. */
async function last<T>(program: string, words: readonly string[]): Promise<T> {
  const child = started(program, words)
  child.stdin.end()
  const ended = once(child, 'close')
  let said = ''
  for await (const line of createInterface({ input: child.stdout })) said = line
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`Cannot measure "${words.join(' ')}": it ended with ${String(code)}`)
  return JSON.parse(said) as T
}

type Answerer = {
  readonly ready: Promise<string>
  readonly ask: (query: QueryName) => Promise<string>
  readonly stop: () => void
}

/** A program that says a line when it is ready, and one for each line that it is given. */
function answerer(program: string, words: readonly string[]): Answerer {
  const child = started(program, words)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`Cannot measure "${words.join(' ')}": it has ended`)
    return value as string
  }
  return {
    ready: line(),
    ask: (query) => {
      child.stdin.write(`${query}\n`)
      return line()
    },
    stop: () => void child.kill(),
  }
}

function flinkIn(folder: string, progress: (line: string) => void): Answerer | undefined {
  const project = join(HERE, 'node_modules', '.peers', 'flink')
  const [pom, lib, classes] = ['pom.xml', 'lib', 'classes'].map((name) => join(project, name)) as [string, string, string]
  const installed = installOnce(project, progress, () => {
    mkdirSync(classes)
    copyFileSync(join(HERE, 'flink/pom.xml'), pom)
    return [
      ['mvn', '--quiet', '--batch-mode', '--file', pom, COPY, `-DoutputDirectory=${lib}`],
      ['javac', '-cp', join(lib, '*'), '-d', classes, join(HERE, 'flink/Nexmark.java')],
    ]
  })
  if (!installed) {
    progress('Flink is left out: it takes a JDK 17, and Maven')
    return undefined
  }
  copyFileSync(join(HERE, 'flink/tables.sql'), join(folder, 'tables.sql'))
  for (const [query, text] of Object.entries(flinkQueries)) writeFileSync(join(folder, `${query}.sql`), text)
  return answerer('java', ['-Xmx2g', '-cp', `${classes}:${join(lib, '*')}`, 'Nexmark', folder])
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
