import { CallError, type Message } from '../contract/contract.ts'
import { inTime, timeLeft } from '../runtime/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { BROKER_NUMBERS, checkName, checkOptions } from './limits.ts'
import type { Broker } from './broker.ts'
import type { FindBy, FindOptions, Found, FoundMessage, Unseen } from './found.ts'

/** Milliseconds by which the clock of a publisher may be ahead of the broker's. */
export const SLACK = 60_000

/** What is found, as long as there is room for it. */
export type Finding = {
  readonly wanted: (message: Message) => boolean
  /** Gives back whether there is room for more. */
  readonly add: (found: FoundMessage) => boolean
  /** Whether there is room, and time. */
  readonly goesOn: () => boolean
  /** What has not ended in time is not waited for. */
  readonly inTime: (work: Promise<unknown>) => Promise<void>
  readonly found: (unseen: readonly Unseen[]) => Found
}

/** @throws {CallError} INVALID_ARGUMENT for names, numbers and searches that cannot be */
export function beginFinding(options: FindOptions, { clock, timers }: Pick<Runtime, 'clock' | 'timers'>): Finding {
  checkOptions('find messages', options, BROKER_NUMBERS.find)
  for (const topic of options.topics) checkName('topic', topic)
  for (const queue of options.queues ?? []) checkName('queue', queue)
  const { since = -Infinity, until = Infinity, limit = 1_000, bytes = 1024 * 1024, timeout = 5_000 } = options
  const isIt = matching(options.by)
  const left = timeLeft(clock, timeout)
  const messages: FoundMessage[] = []
  let [size, cutOff]: [number, Found['cutOff']] = [0, undefined]
  const goesOn = (): boolean => {
    if (cutOff === undefined && left() === 0) cutOff = 'time'
    return cutOff === undefined
  }
  return {
    wanted: (message) => message.time >= since && message.time < until && isIt(message),
    goesOn,
    add: (one) => {
      if (!goesOn()) return false
      size += Buffer.byteLength(one.message.data)
      if (messages.length >= limit) cutOff = 'limit'
      else if (size > bytes && messages.length > 0) cutOff = 'bytes'
      else messages.push(one)
      return cutOff === undefined
    },
    inTime: (work) => {
      // One that fails later is nobody's any more.
      work.catch(() => {})
      return inTime(timers, left(), work, () => void (cutOff ??= 'time')).then(() => {})
    },
    found: (unseen) => ({ messages: messages.toSorted((a, b) => a.message.time - b.message.time), cutOff, unseen }),
  }
}

/** Where each search looks in a message. */
const PLACES: Readonly<Record<string, (message: Message) => readonly (string | undefined)[]>> = {
  correlationId: ({ correlationId }) => [correlationId],
  id: ({ id }) => [id],
  key: ({ key }) => [key],
  traceId: ({ traceparent }) => [traceparent?.slice(3, 35)],
  any: ({ id, key, correlationId, traceparent }) => [id, key, correlationId, traceparent?.slice(3, 35)],
}

/** Values that are looked for at once, at most. */
const VALUES = 100

/** @throws {CallError} INVALID_ARGUMENT when it says no one thing to look for */
export function wantedOf(by: FindBy): { readonly name: string; readonly values: readonly string[] } {
  const [[name = '', given] = [], ...more] = Object.entries(by).filter(([, value]) => value !== undefined)
  const values = typeof given === 'string' ? [given] : (given ?? [])
  const isOne = more.length === 0 && (name === 'text' || PLACES[name] !== undefined)
  if (isOne && values.length > 0 && values.length <= VALUES && values.every((one) => typeof one === 'string' && one !== ''))
    return { name, values }
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot find messages: say one thing to look for (correlationId, id, key, traceId, any or text), with 1 to ${VALUES} values`,
  )
}

function matching(by: FindBy): (message: Message) => boolean {
  const { name, values } = wantedOf(by)
  if (name === 'text') return ({ data }) => values.some((value) => data.includes(value))
  const wanted = new Set(values)
  const placesOf = PLACES[name]!
  return (message) => placesOf(message).some((place) => place !== undefined && wanted.has(place))
}

/** What looking through a log, page by page, takes of its broker. */
export type Browsed = Pick<Broker, 'browse' | 'partitions' | 'capabilities'> & {
  /** For people: `Kafka`. */
  readonly title: string
  /** The position behind which all stands that came at that time or later; undefined: from the oldest on. */
  readonly behind?: ((topic: string, partition: number, time: number) => Promise<string | undefined>) | undefined
}

/** Messages that are looked at in one go. */
const PAGE = 1_000

/** `find` of a broker whose log can be browsed: every partition from `since` to its end. */
export function findByBrowsing(broker: Browsed, runtime: Pick<Runtime, 'clock' | 'timers'>): Broker['find'] {
  const look = async (finding: Finding, { since }: FindOptions, topic: string, partition: number): Promise<void> => {
    let after = since === undefined ? undefined : await broker.behind?.(topic, partition, Math.floor(since) - SLACK)
    while (finding.goesOn()) {
      const page = await broker.browse({ topic, partition, limit: PAGE, ...(after !== undefined && { after }) })
      for (const one of page) if (finding.wanted(one.message) && !finding.add({ ...one, on: 'topic', topic })) return
      after = page.at(-1)?.position
      if (after === undefined) return
    }
  }
  return async (options) => {
    const finding = beginFinding(options, runtime)
    const queues = (options.queues ?? []).map((name): Unseen => {
      return { on: 'queue', name, why: `${broker.title} shows work to nobody but the receiver that takes it` }
    })
    if (!broker.capabilities.browse) {
      const why = `${broker.title} keeps no log: a message is gone when its groups have read it`
      return finding.found([...options.topics.map((name): Unseen => ({ on: 'topic', name, why })), ...queues])
    }
    const lookAll = async (): Promise<void> => {
      for (const topic of new Set(options.topics)) {
        const count = await partitionsOf(broker, topic)
        for (let partition = 0; partition < count && finding.goesOn(); partition++) await look(finding, options, topic, partition)
      }
    }
    await finding.inTime(lookAll())
    return finding.found(queues)
  }
}

async function partitionsOf({ partitions }: Browsed, topic: string): Promise<number> {
  try {
    return await partitions(topic)
  } catch (error) {
    if (error instanceof CallError && error.code === 'NOT_FOUND') return 0
    throw error
  }
}
