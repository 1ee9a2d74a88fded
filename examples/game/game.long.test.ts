import assert from 'node:assert/strict'
import { test } from 'node:test'
import { play } from './load.ts'

test(
  '500 players who walk and jump agree on where everybody is, also when the server is killed',
  { timeout: 300_000 },
  async (t) => {
    for (const kill of [false, true]) {
      const report = await play({ players: 500, seconds: 10, kill })
      t.diagnostic(JSON.stringify(report))
      const { disagreements, moved_back, lost_moves, agreeing_players } = report
      assert.deepEqual(
        { disagreements, moved_back, lost_moves, agreeing_players },
        {
          ...{ disagreements: 0, moved_back: 0, lost_moves: 0 },
          agreeing_players: 500,
        },
      )
    }
  },
)
