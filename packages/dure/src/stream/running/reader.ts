import type { ParkedMessage } from '../../data/data.ts'
import { FencedError } from '../../data/internal.ts'
import type { Assignment, Delivery } from '../../messaging/messaging.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { TopologyNodes } from '../graph.ts'
import { decoded, decodersOf, messagesOf, runThrough, type Failure } from './batch.ts'
import { commit, type Commit } from './commit.ts'
import { loadMemory, type Memory } from './memory.ts'
import type { Move, StreamRecords } from './records.ts'

/**
 * What reads some partitions with one task: state, position and what is published commit together. Whatever fails is thrown away
 * with all that is in memory, and read back from the store, which has nothing that is half done.
 */
export type Reader = {
  readonly assigned: (assignment: Assignment) => Promise<{ readonly after: string } | undefined>
  readonly revoked: (place: Pick<Assignment, 'topic' | 'partition'>) => Promise<void>
  readonly deliver: (batch: readonly Delivery[], place: Pick<Assignment, 'topic' | 'partition'>) => Promise<void>
  /** Lets time pass. `isRead`: the broker has nothing more of a partition. */
  readonly tick: (isRead: (topic: string, partition: number) => boolean) => Promise<void>
  /** Runs dead letters through once more that somebody wants tried again. */
  readonly retry: () => Promise<void>
  readonly status: () => ReaderStatus
}

export type ReaderStatus = {
  readonly watermark: number | undefined
  readonly records: number
  readonly aside: number
  readonly late: number
  readonly duplicates: number
  readonly dead: number
  readonly inHand: number
}

export function createReader(options: {
  readonly host: ExtensionHost
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readonly task: number
  /** How many partitions a topic has. */
  readonly partitions: (topic: string) => number
}): Reader {
  const { host, topology, records, task: number, partitions } = options
  const { store, runtime, log } = host
  const { clock } = runtime
  const consumer = `${host.service}/${topology.name}`
  const isShared = store.sharing === 'shared'
  const decoders = decodersOf(topology.nodes.filter(({ source }) => source !== undefined))
  const places = new Map<string, Assignment>()
  const counted = { duplicates: 0, dead: 0, inHand: 0 }
  let ready: Memory | undefined
  const inTurn = createTurns()

  const load = (): Promise<Memory> =>
    loadMemory({
      topology,
      records,
      task: number,
      now: clock.now(),
      reads: (topic) => (isShared ? [number] : [...Array(partitions(topic)).keys()]),
    })
  const need = async (): Promise<Memory> => (ready ??= await load())
  const drop = (): void => void (ready = undefined)

  const write = ({ task, parts, out }: Memory, what: Pick<Commit, 'messages' | 'move' | 'failures' | 'tried'>): Promise<void> => {
    out.length = 0
    const mine = { task: number, parts, watermark: task.watermark.now(), assignments: places.values() }
    return commit(host, { consumer, records }, { ...mine, ...what })
  }

  /** Until all that does not fail has run through together: what fails is set aside, and the rest begins from what is committed. */
  const take = async (
    batch: readonly Pick<Delivery, 'message'>[],
    assignment: Assignment,
    move?: Move,
    tried: readonly ParkedMessage[] = [],
  ): Promise<void> => {
    const failures: Failure[] = []
    const all = await decoded(decoders, batch, failures)
    for (;;) {
      const own = await need()
      const entries = all.filter(({ message }) => !failures.some((one) => one.message === message))
      const fresh = own.seen.fresh(placeOf(assignment), entries)
      const failed = runThrough(own.task, fresh, { partition: assignment.partition, clock })
      const made = failed ?? (await messagesOf(host, own.out, fresh))
      if ('failed' in made) {
        drop()
        const message = fresh[made.failed]?.message
        // It is nobody's fault: time has passed, and what a window makes of it throws.
        if (message === undefined) throw made.error
        log.warn('A record was set aside, because an operator failed', { consumer, message: message.id, error: made.error })
        failures.push({ message, error: made.error })
        continue
      }
      own.seen.note(placeOf(assignment), fresh)
      const newest = own.task.newest(assignment.topic, assignment.partition)
      await write(own, { messages: made.messages, move: move && { ...move, records: fresh.length, newest }, failures, tried })
      counted.duplicates += entries.length - fresh.length
      counted.dead += failures.length
      return
    }
  }

  /** What fails leaves nothing in memory that the store does not have. */
  const orDrop = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(async () => {
      try {
        return await work()
      } catch (error) {
        drop()
        // Whoever has it goes on with it.
        if (error instanceof FencedError && isShared) places.clear()
        throw error
      }
    })

  return {
    assigned: (assignment) =>
      orDrop(async () => {
        const taken = await records.take(assignment)
        if (taken === undefined)
          throw new Error(
            `Taking partition ${assignment.partition} of "${assignment.topic}" failed: its broker has given it to another member since`,
          )
        places.set(placeOf(assignment), assignment)
        // Another may have written since it was read.
        if (isShared) drop()
        await need()
        return taken.position === undefined ? undefined : { after: taken.position }
      }),
    revoked: (place) =>
      inTurn(async () => {
        places.delete(placeOf(place))
        if (isShared) drop()
      }),
    deliver: async (batch, place) => {
      counted.inHand += batch.length
      try {
        await orDrop(async () => {
          const assignment = places.get(placeOf(place))
          if (assignment === undefined)
            throw new Error(`Taking messages of partition ${place.partition} of "${place.topic}" failed: it is not read here`)
          await take(batch, assignment, { assignment, position: batch.at(-1)!.position, records: 0, newest: undefined })
        })
      } finally {
        counted.inHand -= batch.length
      }
    },
    tick: (isRead) =>
      orDrop(async () => {
        if (places.size === 0) return
        const own = await need()
        own.task.tick(clock.now(), (node, partition) => isRead(node.source!.event.topic, partition))
        const made = await messagesOf(host, own.out, [])
        if ('failed' in made) throw made.error
        await write(own, { messages: made.messages, move: undefined, failures: [], tried: [] })
      }),
    retry: () =>
      orDrop(async () => {
        for (const assignment of places.values())
          for await (const one of dueOf(store, consumer, assignment)) await take([one], assignment, undefined, [one])
      }),
    status: () => statusOf(ready, counted),
  }
}

const placeOf = ({ topic, partition }: Pick<Assignment, 'topic' | 'partition'>): string => `${topic}/${partition}`

/** One after the other: all partitions share the state. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }
}

/** Dead letters of a partition that somebody wants tried again. */
async function* dueOf(
  store: ExtensionHost['store'],
  consumer: string,
  { topic, partition }: Assignment,
): AsyncGenerator<ParkedMessage> {
  const { parked } = store.records
  for (const { key, state, wait } of await parked.keys({ consumer, partition })) {
    if (state === 'dead' || wait > 0) continue
    const [one] = await parked.read({ consumer, key, limit: 1 })
    if (one !== undefined && (one.message.topic ?? one.message.type) === topic) yield one
  }
}

function statusOf(memory: Memory | undefined, counted: Pick<ReaderStatus, 'duplicates' | 'dead' | 'inHand'>): ReaderStatus {
  const { counts, watermark } = memory?.task ?? {}
  const at = watermark?.now() ?? -Infinity
  return {
    watermark: Number.isFinite(at) ? at : undefined,
    ...{ records: counts?.records ?? 0, aside: counts?.aside ?? 0, ...counted },
    late: counts === undefined ? 0 : [...counts.late.values()].reduce((sum, one) => sum + one, 0),
  }
}
