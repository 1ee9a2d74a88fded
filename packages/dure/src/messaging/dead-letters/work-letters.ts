import { CallError, type AnyEvent, type Message } from '../../contract/contract.ts'
import type { Broker, DeadMessage } from '../broker.ts'
import { fingerprintOf, firstLine, letterOf } from '../parked/parked.ts'
import type { LetterStore } from '../parked/parked.ts'
import { auditOthers, countEdits, type Audited, type Deed } from './audit.ts'
import { edited } from './edit.ts'
import { headOf, type After, type DeadLetter, type DeadLetterFilter, type DeadLetterGroup } from './letter.ts'
import type { Place } from './place.ts'

/** A queue, and who of this service works on it. */
export type Worker = { readonly consumer: string; readonly event: AnyEvent }

/** Dead messages looked at of one queue, at most: the oldest. */
const MOST = 10_000
/** UTF-16 units of their data, about. */
const MOST_DATA = 64 * 1024 * 1024
const PAGE = 500

type Dead = { readonly letter: DeadLetter; readonly message: Message; readonly detail: string; readonly event: AnyEvent }

/**
 * The dead messages of queues that a service works on. They are the broker's, and no transaction spans it and the
 * service's audit: what is to be done is written down first, so nothing happens without a trace.
 */
export function workLetters(options: { store: LetterStore; broker: Broker; workers: readonly Worker[] }): Place {
  const { store, broker, workers } = options

  const readQueue = async ({ consumer, event }: Worker): Promise<readonly Dead[]> => {
    const found = new Map<string, Dead>()
    let size = 0
    for (let after: number | undefined; found.size < MOST && size < MOST_DATA;) {
      const page = await broker.dead.list({ queue: event.name, limit: PAGE, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      // Sent twice, a message may be dead twice: to people it is one.
      for (const dead of page) {
        size += dead.message.data.length
        found.set(dead.message.id, deadOf(dead, consumer, event))
      }
      after = page.at(-1)!.place
    }
    return [...found.values()]
  }

  const read = async (filter: DeadLetterFilter): Promise<readonly Dead[]> => {
    const asked = workers.filter(
      ({ consumer, event }) => (filter.consumer ?? consumer) === consumer && (filter.topic ?? event.name) === event.name,
    )
    const found: Dead[] = []
    for (const worker of asked) found.push(...(await readQueue(worker).catch(nothingYet)))
    const wanted = found.filter((dead) => matches(dead, filter)).toSorted(byFailure)
    return wanted.length === 0 ? [] : withEdits(wanted)
  }

  const withEdits = async (dead: readonly Dead[]): Promise<readonly Dead[]> => {
    const edits = await countEdits(store)
    return dead.map((one) => ({ ...one, letter: { ...one.letter, edits: edits.get(one.letter.id) ?? 0 } }))
  }

  /** Does something to those of each queue; answers to how many. */
  const forEachQueue = async (
    dead: readonly Dead[],
    deed: Deed,
    work: (queue: string, ids: readonly string[]) => Promise<number>,
  ): Promise<number> => {
    let count = 0
    for (const [queue, same] of Map.groupBy(dead, ({ event }) => event.name)) {
      await store.transaction((tx) => auditOthers(tx, deed, same.map(audited)))
      count += await work(
        queue,
        same.map(({ message }) => message.id),
      )
    }
    return count
  }

  return {
    groups: async (filter) => [...Map.groupBy(await read(filter), ({ letter }) => letter.group).values()].map(groupOf),
    list: async (filter, limit, after) =>
      (await read(filter))
        .map(({ letter }) => letter)
        .filter((letter) => after === undefined || isAfter(letter, after))
        .slice(0, limit),
    find: async (id, limit) =>
      (await read({}))
        .filter(({ letter, message }) => message.id === id || (id.length >= 4 && letter.id.startsWith(id)))
        .slice(0, limit)
        .map(({ letter, message, detail }) => ({ letter, message, detail, behind: [] })),
    retry: async (filter, deed) => forEachQueue(await read(filter), deed, (queue, ids) => broker.dead.retry({ queue, ids })),
    discard: async (filter, deed) =>
      forEachQueue(await read(filter), deed, (queue, ids) => broker.dead.discard({ queue, ids, reason: deed.reason })),
    edit: async (id, data, deed) => {
      const [dead] = await read({ ids: [id] })
      if (dead === undefined) return false
      const message = await edited(dead.message, data, dead.event)
      await store.transaction((tx) => auditOthers(tx, { ...deed, data }, [audited(dead)]))
      return (await broker.dead.edit({ queue: dead.event.name, id: message.id, data })) > 0
    },
  }
}

/** A queue that nobody has declared or sent to has no dead. */
function nothingYet(error: unknown): readonly Dead[] {
  if (error instanceof CallError && error.code === 'NOT_FOUND') return []
  throw error
}

function deadOf({ message, attempts, error, failedAt }: DeadMessage, consumer: string, event: AnyEvent): Dead {
  const letter: DeadLetter = {
    id: letterOf(`queue:${event.name}`, message.id),
    kind: 'queue',
    consumer,
    group: fingerprintOf({ consumer: `queue:${event.name}`, topic: event.name, error }),
    message: headOf(message),
    error: firstLine(error),
    attempts,
    firstFailure: failedAt,
    lastFailure: failedAt,
    held: 0,
    edits: 0,
  }
  return { letter, message, detail: error, event }
}

function matches({ letter, detail }: Dead, filter: DeadLetterFilter): boolean {
  const { key, group, error, since, until, ids, messageIds } = filter
  return (
    (key === undefined || letter.message.key === key) &&
    (group === undefined || letter.group === group) &&
    (error === undefined || detail.includes(error)) &&
    (since === undefined || letter.lastFailure >= since) &&
    (until === undefined || letter.lastFailure < until) &&
    (ids === undefined || ids.includes(letter.id)) &&
    (messageIds === undefined || messageIds.includes(letter.message.id))
  )
}

function audited({ letter, message, detail }: Dead): Audited {
  return { letter: letter.id, consumer: letter.consumer, message, error: detail }
}

function byFailure(a: Dead, b: Dead): number {
  return inOrder(a.letter, b.letter)
}

/** The order of lists. */
export function inOrder(a: After, b: After): number {
  return a.lastFailure - b.lastFailure || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function isAfter(letter: DeadLetter, after: After): boolean {
  return inOrder(letter, after) > 0
}

function groupOf(dead: readonly Dead[]): DeadLetterGroup {
  const { letter } = dead[0]!
  return {
    id: letter.group,
    kind: 'queue',
    consumer: letter.consumer,
    topic: letter.message.type,
    error: letter.error,
    count: dead.length,
    held: 0,
    firstFailure: letter.firstFailure,
    lastFailure: dead.at(-1)!.letter.lastFailure,
    example: letter.id,
  }
}
