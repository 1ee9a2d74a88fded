/** A bell that copies of a tower ring by a schedule, every five seconds. */
import assert from 'node:assert/strict'
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { schedule } from 'dure/schedule'
import { service, system, type System } from 'dure/service'
import { sometimes, type Simulation } from '../simulation.ts'

const Tower = contract('tower', { version: '1.0.0', owner: 'tests', operations: { look: command({ idempotent: true }) } })
const rings = database<{ rings: { id: string; at: number; missed: number } }>({
  migrations: { '001': 'CREATE TABLE rings (id TEXT PRIMARY KEY, at BIGINT NOT NULL, missed BIGINT NOT NULL)' },
})
/** Milliseconds between ticks, and for which users look. */
const [EACH, DURATION] = [5_000, 60_000]

function tower({ runtime: { random, timers } }: { readonly runtime: Runtime }): System {
  const bell = schedule('bell', {
    ...{ cron: '*/5 * * * * *', zone: 'UTC', late: 'run', database: rings },
    run: async ({ tick: { at, missed, attempt } }, { database: own, ids }) => {
      if (attempt > 1) sometimes('a run was begun again')
      await timers.sleep(random.number() ** 3 * 1_000)
      await own.transaction((tx) => tx.insertInto('rings').values({ id: ids.next(), at: at.getTime(), missed }).execute())
    },
  })
  const handlers = { look: () => {} }
  return system('town', { services: [service(Tower, { database: rings, extensions: [bell], handlers })] })
}

export const ONCE = 'the bell rings once for each of its times'
const ALL = 'a time for which it does not ring is told to the next, and no other'

export function ringing(between: Pick<Simulation, 'store'> = {}): Simulation {
  return {
    system: tower,
    ...between,
    replicas: { tower: 2 },
    load: { duration: DURATION, clients: 1, pause: 2_000, step: ({ client }) => client(Tower).look({ timeout: 3_000 }) },
    invariants: {
      [ONCE]: ({ rows }) => {
        const found = rows('tower', 'SELECT at, count(*) AS times FROM rings GROUP BY at')
        assert.ok(found.length > DURATION / EACH / 4, `it rang ${found.length} times`)
        for (const { at, times } of found) assert.equal(times, 1, new Date(Number(at)).toISOString())
      },
      [ALL]: ({ rows }) => {
        const found = rows('tower', 'SELECT at, missed FROM rings ORDER BY at')
        for (const [i, { at, missed }] of found.entries()) {
          assert.equal(Number(at) % EACH, 0)
          if (Number(missed) > 0) sometimes('a time was missed')
          if (i > 0)
            assert.equal(
              Number(at) - Number(found[i - 1]!['at']),
              EACH * (1 + Number(missed)),
              new Date(Number(at)).toISOString(),
            )
        }
      },
    },
    expects: ['a run was begun again', 'a time was missed'],
  }
}
