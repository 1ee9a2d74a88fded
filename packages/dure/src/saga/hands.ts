import { createAlarm, inTime, type Alarm } from '../runtime/internal.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { AnySaga } from './definition.ts'
import type { Filter, Instance, SagaRecords } from './records.ts'
import { lower } from './replay.ts'
import { runInstance } from './run.ts'
import { keepUp, type Upkeep } from './upkeep.ts'
import type { Hand, Hands, SagaWorld } from './world.ts'

/** Instances in memory at once, … */
const MOST = 256
/** … of which so many are taken in one go. */
const BATCH = 64
/** Milliseconds between looks at what other members begin. */
const POLL = 2_000
/** Milliseconds that an instance waits which is not run beside another. */
const AGAIN = 1_000
/** One condition in each statement: it crosses nobody. */
const ALONE = { isolated: false }
/** Times in a row that a process may end while it has an instance in hand: from then on it is run beside no other such, … */
const SUSPECT = 2
/** … and then it pauses. */
const CRASHES = 3

/** Runs what is due, for as long as the service runs. */
export type OpenHands = Hands & {
  readonly begin: () => Promise<void>
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

export function createHands(world: () => SagaWorld, host: ExtensionHost, records: SagaRecords): OpenHands {
  const { store, log } = host
  const { timers } = host.runtime
  const { member } = store
  const held = new Map<string, Hand>()
  let which: Filter | undefined
  let suspect: string | undefined
  let alarm: Alarm | undefined
  let upkeep: Upkeep | undefined
  let stopped = false
  /** More may be due than there was room for. */
  let hungry = false

  const room = (): number => (stopped || alarm === undefined ? 0 : MOST - held.size)

  const start = (instance: Instance, history: Parameters<typeof runInstance>[2]): void => {
    const key = keyOf(instance)
    const hand = runInstance(world(), instance, history)
    held.set(key, hand)
    void hand.done.then(() => {
      if (held.get(key) === hand) held.delete(key)
      if (suspect === key) suspect = undefined
      if (hungry) alarm?.ring()
    })
  }

  const failed = (error: unknown): void => log.warn('Cannot look for sagas that are due', { error })

  /** What has just been claimed. Of those in whose time a process has died again and again, one is run at a time. */
  const take = async (instance: Instance): Promise<unknown> => {
    const { saga, id, epoch, crashes } = instance
    const key = keyOf(instance)
    const before = held.get(key)
    // It rests already, and has not said so yet. Who has stopped meanwhile leaves it to others, when its lease is over.
    if (before !== undefined) return void before.done.then(() => (stopped ? undefined : take(instance))).catch(failed)
    if (crashes >= CRASHES) return await pauseKiller(host, records, instance)
    if (crashes >= SUSPECT) {
      if (suspect !== undefined) {
        const sql = 'UPDATE dure_sagas SET owner = NULL, due_at = NOW + ? WHERE saga = ? AND id = ? AND epoch = ?'
        await store.transaction((tx) => records.run(tx, sql, [AGAIN, saga, id, epoch]), ALONE)
        return alarm?.ring(AGAIN)
      }
      suspect = key
    }
    start(instance, () => records.steps(instance))
  }

  const work = async (): Promise<void> => {
    for (;;) {
      const limit = Math.min(room(), BATCH)
      hungry = limit <= 0 && !stopped
      if (limit <= 0) return
      const claimed = await store.transaction((tx) => records.claim(tx, { member, which: which!, limit }), ALONE)
      for (const instance of claimed) await take(instance)
      if (claimed.length < limit) return
    }
  }

  return {
    room,
    take: (instance) => {
      if (!stopped) start(instance, async () => [])
    },
    look: () => alarm?.ring(),
    due: (ms) => alarm?.ring(ms),
    held: () => held.size,
    begin: async () => {
      which = filterOf(world().sagas)
      upkeep = await keepUp(world(), { held: () => Array.from(held.values(), ({ instance }) => instance.id) })
      alarm = createAlarm({
        ...{ runtime: host.runtime, work, longest: store.sharing === 'shared' ? POLL : Infinity },
        // Who is let go of makes room.
        // Its own as well: one whose commit went without its answer is in nobody's hand, and due when its lease is over.
        next: async () => (hungry ? undefined : records.next(which!)),
        failed,
      })
    },
    stop: async ({ timeout }) => {
      stopped = true
      await Promise.all([alarm?.stop(), upkeep?.stop()])
      const all = Promise.all(Array.from(held.values(), ({ done }) => done))
      // What ends in time ends; the rest is let go of, and begun again by whoever has it next.
      await inTime(timers, timeout / 2, all, () => {})
      for (const { cancellation } of held.values()) cancellation.cancel('stopping')
      await all
    },
  }
}

function keyOf({ saga, id }: Instance): string {
  return `${saga}\n${id}`
}

/** Who has it in hand next would end as the processes before. */
async function pauseKiller({ store, log }: ExtensionHost, records: SagaRecords, instance: Instance): Promise<void> {
  const at = (await records.steps(instance)).at(-1)
  const reason = `Its process has ended ${instance.crashes} times in a row${at === undefined ? '' : `; the last that it had begun was the ${lower(at)}`}`
  log.error('A saga has paused', { saga: instance.saga, instance: instance.id, reason })
  const { version, path } = instance
  await store.transaction((tx) => records.fence(tx, instance, { version, path, pause: reason }), ALONE)
}

/** Those that this code can run: of its sagas, and of no newer version. */
export function filterOf(sagas: ReadonlyMap<string, AnySaga>): Filter {
  const all = [...sagas.values()]
  return {
    sql: all.map(() => '(saga = ? AND version <= ?)').join(' OR '),
    values: all.flatMap(({ name, version }) => [name, version]),
  }
}
