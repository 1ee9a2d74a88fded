import { unknownToJson } from '../../contract/internal.ts'
import type { Trace } from '../task.ts'
import type { Entry } from './batch.ts'

/** One step on the way to a value: an operator took a record, was too late for it, or told what a key has from then on. */
export type Step = {
  readonly operator: string
  readonly key: string
  did: 'took' | 'late' | 'told'
  /** Of the event, and nothing older was waited for then; milliseconds since the epoch. */
  readonly time: number
  readonly watermark: number | undefined
  /** Where the record is; undefined where time has led to it. */
  readonly record:
    | { readonly topic: string; readonly partition: number; readonly position: string | undefined; readonly message: string }
    | undefined
  /** What was told, as JSON, cut off when it is long; `hidden` where an event that leads to it has fields that are not shown. */
  readonly value: string | undefined
}

/** What is known of the ways to a value. */
export type Trails = {
  readonly steps: readonly Step[]
  /** Of so many records so many were noted; of keys that were asked for, all since then. */
  readonly records: number
  readonly noted: number
}

/** What led to values: of some records, and of the keys that somebody has asked for. In memory, bounded. */
export type Trail = {
  readonly trace: Trace
  /** These run through; whatever was not kept before has not happened. */
  readonly begin: (entries: readonly Pick<Entry, 'message' | 'position'>[], partition: number, watermark: () => number) => void
  /** What has run through is committed. */
  readonly keep: () => void
  /** What is known of an operator and a key, or of the key's windows, in order. From now on all of this key is noted. */
  readonly find: (operators: ReadonlySet<string>, key: string) => Trails
}

/** Records of a batch that are noted, of those that nobody asked for; steps of a batch, and of a key; keys that were asked for. */
const [RECORDS, STEPS, OF_KEY, WATCHED] = [32, 1_024, 16, 64]
/** Characters of a value, of all that is kept, and of a step beside its value. */
const [LONGEST, MOST, OVERHEAD] = [500, 1 << 20, 200]
const TOLD = 200

export function createTrail(isHidden: boolean): Trail {
  const keys = new Map<string, Step[]>()
  const watched = new Set<string>()
  let [size, records, noted] = [0, 0, 0]
  let pending: Step[] = []
  let batch: {
    readonly entries: readonly Pick<Entry, 'message' | 'position'>[]
    readonly partition: number
    readonly watermark: () => number
  } = {
    ...{ entries: [], partition: 0, watermark: () => -Infinity },
  }
  let [index, stride, isSampled] = [-1, 1, true]

  const isWanted = (key: string): boolean => pending.length < STEPS && (isSampled || watched.has(bare(key)) || watched.has(key))
  const recordOf = (): Step['record'] => {
    const entry = batch.entries[index]
    if (entry === undefined) return undefined
    const { id, topic, type } = entry.message
    return { topic: topic ?? type, partition: batch.partition, position: entry.position, message: id }
  }
  const note = (step: Pick<Step, 'operator' | 'key' | 'did' | 'time' | 'value'>): Step => {
    const at = batch.watermark()
    const whole = { ...step, watermark: Number.isFinite(at) ? at : undefined, record: recordOf() }
    pending.push(whole)
    return whole
  }
  const sizeOf = (steps: readonly Step[]): number => steps.reduce((sum, { value }) => sum + OVERHEAD + (value?.length ?? 0), 0)
  const trace: Trace & { isOn: boolean } = {
    isOn: false,
    record: (at) => {
      index = at
      isSampled = at < 0 || at % stride === 0
      trace.isOn = isSampled || watched.size > 0
    },
    took: (operator, key, time) => {
      if (!isWanted(key)) return () => {}
      const step = note({ operator, key, did: 'took', time, value: undefined })
      return () => void (step.did = 'late')
    },
    told: (operator, next, key, time) => {
      if (isWanted(key)) note({ operator, key, did: 'told', time, value: isHidden ? 'hidden' : textOf(next) })
    },
  }

  return {
    trace,
    begin: (entries, partition, watermark) => {
      pending = []
      batch = { entries, partition, watermark }
      stride = Math.max(1, Math.ceil(entries.length / RECORDS))
    },
    keep: () => {
      records += batch.entries.length
      noted += Math.ceil(batch.entries.length / stride)
      for (const step of pending) {
        const name = `${step.operator}\n${step.key}`
        const before = keys.get(name) ?? []
        const after = [...before, step].slice(-OF_KEY)
        size += sizeOf(after) - sizeOf(before)
        // The last one that was changed goes last.
        keys.delete(name)
        keys.set(name, after)
      }
      pending = []
      for (const [name, steps] of keys) {
        if (size <= MOST) break
        keys.delete(name)
        size -= sizeOf(steps)
      }
    },
    find: (operators, key) => {
      if (watched.size >= WATCHED) watched.delete([...watched][0]!)
      watched.add(key)
      const steps = [...keys.values()]
        .flat()
        .filter((one) => operators.has(one.operator) && (one.key === key || bare(one.key) === key))
      return { steps: steps.slice(-TOLD), records, noted }
    },
  }
}

/** The key of a window's result, without when it began. */
function bare(key: string): string {
  const at = key.lastIndexOf('@')
  return at < 0 ? key : key.slice(0, at)
}

function textOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  try {
    const text = JSON.stringify(unknownToJson(value))
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  } catch {
    // What operators hand to each other may be anything.
    return 'a value without a JSON form'
  }
}
