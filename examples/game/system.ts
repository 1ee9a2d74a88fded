/** The game under simulation: `dure sim examples/game/system.ts`. */
import assert from 'node:assert/strict'
import { sometimes, type Simulation } from '@dure/simulation'
import { system } from 'dure/service'
import { FIELD, Game, STEP, type Place } from './contract.ts'
import { game } from './service.ts'

export default system('game', { services: [game()], security: 'off' })

/** Players walk and jump while everything goes wrong; positions of old come late, as datagrams do. */
export const simulation = (): Simulation => {
  const players = new Map<string, { place: Place; moved: Place }>()
  return {
    system: () => system('game', { services: [game()], security: 'off' }),
    load: {
      duration: 20_000,
      clients: 4,
      pause: 100,
      step: async ({ client, user, random }) => {
        const player = `p${user}`
        const { join, move, position } = client(Game)
        const known = players.get(player)
        const joined = await join({ player }, { timeout: 2_000 })
        // What was answered is there again after a crash: of positions the last second may be lost, of moves nothing.
        assert.ok(joined.n >= (known?.moved.n ?? 0), `${player} is back before its move ${known?.moved.n}`)
        if (known !== undefined && joined.n < known.place.n) sometimes('a player was put back to what was kept')
        const n = Math.max(joined.n, known?.place.n ?? 0) + 1
        const one = { place: { ...joined, n }, moved: known?.moved ?? joined }
        players.set(player, one)
        if (random.number() < 0.2) {
          const to = { n, x: random.integer(FIELD + 1), y: random.integer(FIELD + 1) }
          one.moved = await move({ player, ...to }, { timeout: 2_000 })
          assert.deepEqual(one.moved, to)
          return
        }
        const before = { player, ...joined, n: n + 1 }
        const now = { player, n: n + 2, x: Math.min(FIELD, joined.x + STEP), y: joined.y }
        one.place = { ...one.place, n: now.n }
        await position(now, { timeout: 2_000 })
        const walked = await join({ player }, { timeout: 2_000 })
        await position(before, { timeout: 2_000 })
        const after = await join({ player }, { timeout: 2_000 })
        // In between it may have been killed, and the player put back.
        if (walked.n === now.n && after.n === now.n) assert.deepEqual(after, walked, 'an older position moved a player')
      },
    },
    invariants: {
      'a move that was answered is kept': ({ rows }) => {
        for (const [player, { moved }] of players) {
          const [kept] = rows('game', 'SELECT n, x, y FROM players WHERE player = ?', [player])
          assert.ok(Number(kept?.['n']) >= moved.n, `${player} has moved (${moved.n}), and ${String(kept?.['n'])} is kept`)
        }
      },
    },
  }
}
