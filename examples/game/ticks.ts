import type { SqlStore } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { TICK, type Placed } from './contract.ts'
import { createWorld, type World } from './world.ts'

/** The world of one life of the service: as it was kept, going on by the runtime's timers, and kept again every second. */
export type Ticks = {
  readonly world: World
  /** Ticks that came later than the next one was due. */
  readonly late: () => number
  /** Resolves when these places are in the store; older ones than it has change nothing there. */
  readonly keep: (places: readonly Placed[]) => Promise<void>
  readonly listen: () => Promise<void>
  readonly stop: () => Promise<void>
}

const KEEP = `INSERT INTO players (player, n, x, y) VALUES (?, ?, ?, ?)
  ON CONFLICT (player) DO UPDATE SET n = excluded.n, x = excluded.x, y = excluded.y WHERE excluded.n > players.n`
const KEEP_EVERY = 20
/** Ticks that are made up for; after a longer stand the world goes on from where it was. */
const BEHIND = 20

export async function openTicks(host: {
  readonly store: SqlStore
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log: Logger
}): Promise<Ticks> {
  const { store, log } = host
  const { clock, timers } = host.runtime
  const world = createWorld()
  for (const { player, n, x, y } of await store.select('SELECT player, n, x, y FROM players'))
    world.enter(String(player), { n: Number(n), x: Number(x), y: Number(y) })

  let due = 0
  let late = 0
  let timer = { cancel: (): void => {} }
  let keeping: Promise<void> | undefined

  const keep: Ticks['keep'] = async (places) => {
    await store.transaction(async (tx) => {
      for (const { player, n, x, y } of places) await tx.run(KEEP, [player, n, x, y])
    })
    world.kept(places)
  }
  /** What could not be kept is still changed the next time. */
  const keepChanged = async (): Promise<void> => {
    const places = world.changed()
    if (places.length > 0) await keep(places).catch((error: unknown) => log.warn('Places cannot be kept', { error }))
  }
  const go = (): void => {
    const behind = (clock.monotonic() - due) / TICK
    if (behind >= 1) late++
    if (behind > BEHIND) due = clock.monotonic()
    due += TICK
    timer = timers.after(due - clock.monotonic(), go)
    world.next()
    if (world.tick() % KEEP_EVERY !== 0) return
    keeping ??= keepChanged().finally(() => (keeping = undefined))
  }

  return {
    world,
    late: () => late,
    keep,
    listen: async () => {
      due = clock.monotonic() + TICK
      timer = timers.after(TICK, go)
    },
    stop: async () => {
      timer.cancel()
      await keeping
      await keepChanged()
    },
  }
}
