import type { ParkedMessage } from '../../data/data.ts'
import { FencedError } from '../../data/internal.ts'
import type { Assignment, Delivery } from '../../messaging/messaging.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { Task } from '../task.ts'
import { decoded, decodersOf, messagesOf, runHanded, runThrough, type Entry, type Failed, type Failure } from './batch.ts'
import { createAside } from './aside.ts'
import type { Look } from './exchange-records.ts'
import { entriesOf, entryOf, runPiece } from './stage-task.ts'
import { createState, type ReaderOptions, type State } from './state.ts'
import { createThrough, type Batch } from './through.ts'
import type { Trails } from './trail.ts'

/**
 * What reads some partitions with one task: state, position and what is published commit together. Whatever fails is thrown away
 * with all that is in memory, and read back from the store, which has nothing that is half done.
 */
export type Reader = {
  readonly assigned: (assignment: Assignment) => Promise<{ readonly after: string } | undefined>
  readonly revoked: (place: Pick<Assignment, 'topic' | 'partition'>) => Promise<void>
  readonly deliver: (batch: readonly Delivery[], place: Pick<Assignment, 'topic' | 'partition'>) => Promise<void>
  readonly isAssigned: () => boolean
  /** Takes what other tasks have handed on to it. */
  readonly take: (look: Look) => Promise<void>
  /** Lets time pass. `isRead`: the broker had nothing more of a partition; at what time of the clock, now by default. */
  readonly tick: (isRead: (topic: string, partition: number) => boolean, at?: number) => Promise<void>
  /** Runs dead letters through once more that somebody wants tried again. */
  readonly retry: () => Promise<void>
  readonly status: () => ReaderStatus
  /** What is known of how a key came to what it has. */
  readonly why: (operators: ReadonlySet<string>, key: string) => Trails
}

export type ReaderStatus = {
  readonly watermark: number | undefined
  readonly records: number
  readonly aside: number
  readonly late: number
  readonly duplicates: number
  readonly dead: number
  readonly inHand: number
  /** Bytes of state in memory, about, and whether there is more in the store. */
  readonly bytes: number
  readonly isPartial: boolean
  /** What operators with names have handed on. */
  readonly told: ReadonlyMap<string, { readonly count: number }>
}

export function createReader(options: ReaderOptions): Reader {
  const { host, topology, records, stage } = options
  const { store, runtime } = host
  const { clock } = runtime
  const consumer = `${host.service}/${topology.name}`
  const isShared = store.sharing === 'shared'
  const decoders = decodersOf((stage?.stage ?? topology).nodes.filter(({ source }) => source !== undefined))
  const places = new Map<string, Assignment>()
  const counted = { duplicates: 0, dead: 0, inHand: 0 }
  const inTurn = createTurns()
  const asideOf = createAside({ store, consumer, decoders, stage })
  const state = createState({ ...options, consumer, assignments: () => [...places.values()] })

  const through = createThrough({ host, consumer, state, counted })

  const take = async (
    batch: readonly (Pick<Delivery, 'message'> & { readonly position?: string })[],
    assignment: Assignment,
    as: Pick<Batch<Entry>, 'move' | 'tried'>,
  ): Promise<void> => {
    const failures: Failure[] = []
    const all = await decoded(decoders, batch, failures)
    const { partition } = assignment
    await through({
      ...{ ...as, all, failures, place: placeOf(assignment) },
      asideOf: await asideOf(batch, partition, as.tried !== undefined),
      run: (task, fresh) => {
        state.trail.begin(fresh, partition, task.watermark.now)
        return runThrough(task, fresh, { partition, clock })
      },
    })
  }

  /** What fails leaves nothing in memory that the store does not have. */
  const orDrop = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(async () => {
      try {
        return await work()
      } catch (error) {
        state.drop()
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
        if (isShared) state.drop()
        await state.need()
        return taken.position === undefined ? undefined : { after: taken.position }
      }),
    revoked: (place) =>
      inTurn(async () => {
        places.delete(placeOf(place))
        if (isShared) state.drop()
      }),
    deliver: async (batch, place) => {
      counted.inHand += batch.length
      try {
        await orDrop(async () => {
          const assignment = places.get(placeOf(place))
          if (assignment === undefined)
            throw new Error(`Taking messages of partition ${place.partition} of "${place.topic}" failed: it is not read here`)
          const move = { assignment, position: batch.at(-1)!.position, records: 0, newest: undefined }
          await take(batch, assignment, { move })
        })
      } finally {
        counted.inHand -= batch.length
      }
    },
    isAssigned: () => places.size > 0,
    take: (look) =>
      orDrop(async () => {
        if (stage === undefined || places.size === 0) return
        for (const piece of stage.pieces(look)) {
          const taken = await stage.read(piece)
          const { times } = piece
          const all = entriesOf(taken, stage)
          await through({
            ...{ all, asideOf: await asideOf(all, options.task, false) },
            run: (task, fresh) => {
              state.trail.begin(fresh, options.task, task.watermark.now)
              return runPiece(task, fresh, { times, now: clock.now() })
            },
            taken,
          })
        }
      }),
    tick: (isRead, at = clock.now()) =>
      orDrop(async () => {
        if (places.size === 0) return
        const own = await state.need()
        const failed = await own.run(() => {
          state.trail.begin([], 0, own.task.watermark.now)
          return ticked(own.task, at, isRead)
        })
        const made = failed ?? (await messagesOf(host, own.out, []))
        if ('failed' in made) throw made.error
        await state.write(own, { messages: made.messages, move: undefined, aside: [], tried: [], entries: [], taken: [] })
      }),
    retry: () =>
      orDrop(async () => {
        for (const assignment of places.values())
          for await (const one of dueOf(store, consumer, assignment))
            if (stage === undefined || stage.stage.level === 0) await take([one], assignment, { tried: [one] })
            else {
              const all = [entryOf(one.message)]
              await through({ all, run: runHanded, asideOf: await asideOf(all, options.task, true), tried: [one] })
            }
      }),
    status: () => statusOf(state, counted),
    why: state.trail.find,
  }
}

/** Lets time pass; what throws is nobody's record. */
function ticked(task: Task, now: number, isRead: Parameters<Task['tick']>[1]): Failed | undefined {
  try {
    task.tick(now, isRead)
    return undefined
  } catch (error) {
    return { failed: -1, error }
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

/** Dead letters of a partition that somebody wants tried again, each with those that wait behind it. */
async function* dueOf(
  store: ExtensionHost['store'],
  consumer: string,
  { topic, partition }: Assignment,
): AsyncGenerator<ParkedMessage> {
  const { parked } = store.records
  for (const { key } of await parked.keys({ consumer, partition }))
    for (;;) {
      const [one] = await parked.read({ consumer, key, limit: 1 })
      const isDue = one !== undefined && one.state !== 'dead' && one.wait <= 0
      if (!isDue || (one.message.topic ?? one.message.type) !== topic) break
      yield one
    }
}

function statusOf({ ready, counts }: State, counted: Pick<ReaderStatus, 'duplicates' | 'dead' | 'inHand'>): ReaderStatus {
  const memory = ready()
  const at = memory?.task.watermark.now() ?? -Infinity
  const { records, aside, told } = counts
  return {
    watermark: Number.isFinite(at) ? at : undefined,
    ...{ records, aside, told, ...counted, bytes: memory?.bytes() ?? 0, isPartial: memory?.isPartial() ?? false },
    late: [...counts.late.values()].reduce((sum, one) => sum + one, 0),
  }
}
