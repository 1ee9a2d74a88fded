/**
 * `npm run peers -- streams`: the same random records through the same topologies, by Kafka Streams' TopologyTestDriver and by
 * `testStream`, ten of each kind. Tables must be equal in the end, and streams have the same records.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { said, type Case, type Said, type SideRecord } from './kafka-streams.test-support.ts'

const OF_EACH = 10
const RECORDS = 200
/** Windows of Kafka Streams begin at 0 at the earliest. */
const BEGIN = 100_000
/** Comes last, and far behind all, so that all windows close. */
const CLOSING = '~'

type Random = (below: number) => number

/** The same numbers in each run. */
function seeded(seed: number): Random {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const joinKinds = [
  ...['stream-stream inner', 'stream-stream left', 'stream-stream outer', 'stream-table inner', 'stream-table left'],
  ...['table-table inner', 'table-table left', 'table-table outer', 'foreign-key inner', 'foreign-key left'],
]
const windowKinds = ['tumbling', 'hopping', 'sliding', 'session'].map((shape) => `window ${shape}`)
const finalKinds = windowKinds.map((kind) => `${kind} final`).filter((kind) => !kind.includes('sliding'))

function caseOf(kind: string, seed: number): Case {
  const one = drawn(kind, seed)
  const { size, grace, records } = one
  // When the watermark is just where a session's gap or a sliding window ends, it is over in Kafka Streams, though an event of that
  // very time would still be of it: so nothing ends just then.
  const twice = records.map((each) => ({ ...each, time: 2 * each.time }))
  if (kind.includes('session')) return { ...one, size: 2 * size! + 1, grace: 2 * grace, records: twice }
  if (kind.includes('sliding')) return { ...one, size: 2 * size!, grace: 2 * grace + 1, records: twice }
  return one
}

function drawn(kind: string, seed: number): Case {
  const random = seeded(seed)
  const grace = 20 + random(30)
  const size = 10 + random(40)
  const times = { size, advance: 1 + random(size), before: random(30), after: random(30), grace }
  // Two streams have one time together in Kafka Streams, and each its own here: what comes later than the grace may differ, and does
  // not come. Of one stream everything comes.
  const latest = kind.startsWith('window') ? grace + size : grace
  let time = BEGIN
  const records = Array.from({ length: RECORDS }, (_, at): SideRecord => {
    time += random(4)
    const side = kind.startsWith('window') || random(2) === 0 ? 'left' : 'right'
    const key = 'abcde'[random(5)]!
    const isNull = !kind.startsWith('window') && random(6) === 0
    const value = side === 'left' && kind.startsWith('foreign-key') ? `${'abcde'[random(5)]!}:${at}` : String(at)
    return { side, key, value: isNull ? null : value, time: time - (random(3) === 0 ? random(latest) : 0) }
  })
  const last = { key: CLOSING, value: kind.startsWith('foreign-key') ? '~:0' : '0', time: time + 10_000 }
  const closing: readonly SideRecord[] = [
    { ...last, side: 'left' },
    { ...last, side: 'right' },
    // Results of outer joins are told when the next one comes.
    { ...last, side: 'left', time: time + 20_000 },
  ]
  return { kind, ...times, records: [...records, ...(kind.startsWith('window') ? closing.slice(0, 1) : closing)] }
}

/** How two answers are compared, in the order in which they are asked. */
function rowsOf(asked: Case, answer: readonly Said[], isOurs: boolean): readonly string[] {
  const { kind, size = 0 } = asked
  const mine = answer.filter(({ key }) => key !== CLOSING)
  if (kind.startsWith('stream'))
    return withMatches(mine)
      .map(({ key, value, time }) => `${key} ${value} ${time}`)
      .toSorted()
  const rows = new Map<string, string>()
  for (const { key, value, step, start, end } of mine) {
    const place = start === undefined ? key : `${key} ${start}-${end! - endOf(kind, size, isOurs)}`
    // What is told once is told at the same record.
    const text = kind.endsWith('final') && !kind.includes('session') ? `${value} after ${step}` : value
    if (text === null || value === null) rows.delete(place)
    else rows.set(place, text)
  }
  const places = kind.includes('sliding')
    ? [...rows].filter(([place]) => ownEnds(asked).has(place.replace(/ .*-/, ' ')))
    : [...rows]
  return places.map(([place, value]) => `${place} ${value}`).toSorted()
}

/**
 * Where sliding windows end with a record that came in time for them. Kafka Streams has windows that begin right after a record as well,
 * whether they end at one or not; and of what came when its own window was over it keeps nothing for windows that are not there yet.
 */
function ownEnds({ records, grace, size = 0 }: Case): ReadonlySet<string> {
  let newest = 0
  const over: SideRecord[] = []
  const ends = new Set<string>()
  for (const one of records) {
    const { key, time } = one
    const isKept = over.every((late) => late.key !== key || late.time > time || late.time < time - size)
    if (time < newest - grace) over.push(one)
    else if (isKept) ends.add(`${key} ${time}`)
    newest = Math.max(newest, time)
  }
  return ends
}

/**
 * What came out of order is told at once by Kafka Streams where it has no match yet, whatever the grace, and again with its match: the
 * first of these is left out. Values are of one record each.
 */
function withMatches(all: readonly Said[]): readonly Said[] {
  const sides = ({ value }: Said): readonly string[] => value!.split('+')
  const matched = new Set(all.filter((one) => !sides(one).includes('null')).flatMap(sides))
  return all.filter((one) => !sides(one).includes('null') || !sides(one).some((side) => matched.has(side)))
}

/** A session ends with its last event in Kafka Streams, and when its gap is over here. */
function endOf(kind: string, gap: number, isOurs: boolean): number {
  return isOurs && kind.includes('session') ? gap : 0
}

async function theirs(folder: string, cases: readonly Case[]): Promise<readonly (readonly Said[])[]> {
  // It begins and ends stores on a disk, and waits for it.
  const memory = existsSync('/dev/shm') ? ['-Djava.io.tmpdir=/dev/shm'] : []
  const child = spawn('java', [...memory, '-cp', `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`, 'KafkaStreams'])
  const output = text(child.stdout)
  const errors = text(child.stderr)
  child.stdin.end(cases.map((one) => `${JSON.stringify(one)}\n`).join(''))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`Cannot ask Kafka Streams: it ended with ${code}: ${(await errors).slice(0, 1_000)}`)
  const lines = (await output).trim().split('\n')
  return lines.map((line) => JSON.parse(line) as readonly Said[])
}

const [folder] = process.argv.slice(2)
const kinds = [...joinKinds, ...windowKinds, ...finalKinds]
const cases = kinds.flatMap((kind) => Array.from({ length: OF_EACH }, (_, at) => caseOf(kind, 1_000 * at + 7)))
const answers = await theirs(folder!, cases)
for (const kind of kinds) {
  let rows = 0
  const different = cases.flatMap((one, at) => {
    if (one.kind !== kind) return []
    const [own, other] = [rowsOf(one, said(one), true), rowsOf(one, answers[at]!, false)]
    rows += other.length
    const onlyOwn = own.filter((row) => !other.includes(row))
    const onlyOther = other.filter((row) => !own.includes(row))
    if (own.join('\n') === other.join('\n')) return []
    return [`  ours alone: ${onlyOwn.slice(0, 3).join(' | ')}; theirs alone: ${onlyOther.slice(0, 3).join(' | ')}`]
  })
  console.log(`${different.length === 0 ? '✔' : '✖'} ${kind}: ${OF_EACH} topologies say the same ${rows} rows`)
  for (const line of different) console.log(line)
  if (different.length > 0) process.exitCode = 1
}
