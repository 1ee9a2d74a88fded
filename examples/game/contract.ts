import { command, contract, error, query } from 'dure/contract'
import { z } from 'zod'

/** The field is so wide and so high; who walks gets no farther than `STEP` in one tick of `TICK` milliseconds. */
export const FIELD = 1_000
export const STEP = 10
export const TICK = 50

const Player = z.string().min(1).max(20)
const Coordinate = z.int().min(0).max(FIELD)
/** `n` counts what a player does, positions and moves alike: what is older than what the world knows counts no more. */
const Place = z.object({ n: z.int().min(0), x: Coordinate, y: Coordinate })
const Placed = z.object({ player: Player, ...Place.shape })

export type Place = z.infer<typeof Place>
export type Placed = z.infer<typeof Placed>

const Full = error('FULL', { message: 'There are as many players as there may be' })
const Unknown = error('UNKNOWN_PLAYER', { message: 'The player has not joined' })

export const Game = contract('game', {
  version: '1.0.0',
  owner: 'team-game',
  operations: {
    /** Comes in, or back: says where the player is. */
    join: command({ input: z.object({ player: Player }), output: Place, errors: { Full }, idempotent: true }),
    /** A move must not be lost: a jump to anywhere, kept when it is answered. Says where the player is then. Players stand still meanwhile. */
    move: command({ input: Placed, output: Place, errors: { Unknown }, idempotent: true }),
    /** Where the player walks; the next one is better than this one sent again. Says what the newest tick knows of players nearby. */
    position: command({
      input: Placed,
      output: z.object({ tick: z.int(), others: z.array(Placed) }),
      errors: { Unknown },
      idempotent: true,
    }),
    /** The newest tick, how many ticks were late by one or more, and all who are there. */
    world: query({ output: z.object({ tick: z.int(), late: z.int(), players: z.array(Placed) }) }),
  },
})

export { Full, Unknown }
