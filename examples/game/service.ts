import { database } from 'dure/data'
import { service, type Extension, type Service } from 'dure/service'
import { FIELD, Full, Game, Unknown, type Placed } from './contract.ts'
import { openTicks, type Ticks } from './ticks.ts'

const PLAYERS = 10_000

/** One world: it lives in the memory of one process, so the service has one copy. */
export function game(): Service<typeof Game> {
  let ticks: Ticks
  // What works in a service beside its handlers is an extension: opened with its store, and stopped before that is closed.
  const ticking: Extension = {
    name: 'ticks',
    kind: { name: 'world', migrations: {}, open: async (host) => (ticks = await openTicks(host)) },
  }
  const known = ({ player }: Pick<Placed, 'player'>): Ticks['world'] => {
    if (ticks.world.place(player) === undefined) throw Unknown()
    return ticks.world
  }

  return service(Game, {
    database: database<{ players: Placed }>({
      migrations: { '001': 'CREATE TABLE players (player TEXT PRIMARY KEY, n INTEGER, x INTEGER, y INTEGER)' },
    }),
    extensions: [ticking],
    handlers: {
      join: async ({ player }, { random }) => {
        const { world, keep } = ticks
        if (world.place(player) === undefined) {
          if (world.count() >= PLAYERS) throw Full()
          const place = { n: 0, x: random.integer(FIELD + 1), y: random.integer(FIELD + 1) }
          world.enter(player, place)
          await keep([{ player, ...place }])
        }
        return world.place(player)!
      },
      // Kept first: whoever sees the player there sees what will not be taken back.
      move: async (to) => {
        const world = known(to)
        await ticks.keep([to])
        world.jump(to.player, to)
        return world.place(to.player)!
      },
      position: (to) => {
        const world = known(to)
        world.walk(to.player, to)
        return { tick: world.tick(), others: world.near(to.player) }
      },
      world: () => ({ tick: ticks.world.tick(), late: ticks.late(), players: ticks.world.seen() }),
    },
  })
}
