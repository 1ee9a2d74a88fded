/** Slips that come through a queue to copies of a clerk: some fail for a while, and people decide about those that died. */
import assert from 'node:assert/strict'
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation, type StepWorld } from '../simulation.ts'

const slip = z.object({ slipId: z.string(), amount: z.int(), delay: z.int() })
const Slip = queue('slip', { schema: slip })
const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: { hand: command({ input: slip, idempotent: true }) },
})
const Clerk = contract('clerk', { version: '1.0.0', owner: 'tests', operations: {} })

/** Milliseconds for which users are at work, and for which slips may fail. */
const DURATION = 15_000
const DELAYS: readonly number[] = [0, 0, 300, 2_000]
/** What an edit adds to an amount. */
const EDITED = 1_000

function office({ clock, random, timers }: Runtime): System {
  const desk = service(Desk, {
    database: database<{ slips: { id: string } }>({ migrations: { '001': 'CREATE TABLE slips (id TEXT PRIMARY KEY)' } }),
    handlers: {
      hand: (one, { database }) =>
        database.transaction(async (tx) => {
          const { slipId: id, delay } = one
          if ((await tx.selectFrom('slips').select('id').where('id', '=', id).executeTakeFirst()) !== undefined) return
          await tx.insertInto('slips').values({ id }).execute()
          await tx.send(Slip, one, delay === 0 ? {} : { delay })
        }),
    },
  })
  const clerk = service(Clerk, {
    database: database<{ filed: { position?: number; id: string; amount: number } }>({
      migrations: {
        '001': 'CREATE TABLE filed (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, amount INTEGER NOT NULL)',
      },
    }),
    handlers: {},
    subscriptions: ({ work }) => [
      work(Slip, {
        retry: { attempts: 3, first: 300, max: 1_500 },
        handle: async ({ data: { slipId: id, amount } }, { tx }) => {
          await timers.sleep(random.number() ** 3 * 300)
          if (clock.monotonic() < DURATION && random.number() < 0.6) throw new Error('The clerk cannot read it')
          await tx.insertInto('filed').values({ id, amount }).execute()
        },
      }),
    ],
  })
  return system('office', { services: [desk, clerk] })
}

const ONCE = 'a slip is filed once'
const LOST = 'every slip is filed, unless it was discarded'
const DISCARDED = 'what was discarded is not filed'
export const EDIT = 'edited data are what is filed'

type Memory = {
  readonly handed: Set<string>
  /** Slips that somebody has decided on, or is about to. */
  readonly inHand: Set<string>
  readonly doubtful: Set<string>
  readonly discarded: Set<string>
  /** What they say from then on. */
  readonly edited: Map<string, number>
}

/** Decides about one of the dead letters that nobody decides about; what is not answered may have been done. */
async function decide({ deadLetters, random, sleep }: StepWorld, memory: Memory): Promise<void> {
  const letters = deadLetters('clerk')
  for (const { id } of (await letters?.list({ limit: 5 })) ?? []) {
    const { slipId, amount, ...rest } = slip.parse(JSON.parse((await letters!.show(id)).message.data))
    if (memory.inHand.has(slipId)) continue
    memory.inHand.add(slipId)
    await sleep(random.integer(200))
    if (random.number() < 0.2) {
      memory.doubtful.add(slipId)
      if ((await letters!.discard({ ids: [id] }, 'Nobody knows this slip')) === 1) memory.discarded.add(slipId)
      return sometimes('a slip was discarded')
    }
    memory.edited.delete(slipId)
    await letters!.edit(id, JSON.stringify({ slipId, amount: amount + EDITED, ...rest }), 'It was more')
    memory.edited.set(slipId, amount + EDITED)
    sometimes('a slip was edited')
    await letters!.retry({ ids: [id] })
    return void memory.inHand.delete(slipId)
  }
}

export function filing(store?: Simulation['store']): Simulation {
  const memory: Memory = {
    ...{ handed: new Set(), inHand: new Set(), doubtful: new Set(), discarded: new Set(), edited: new Map() },
  }
  return {
    system: ({ runtime }) => office(runtime),
    store,
    replicas: { clerk: 2 },
    load: {
      duration: DURATION,
      clients: 4,
      pause: 400,
      step: async (world) => {
        const { client, random, user, number, sleep } = world
        // Whoever is asked may be gone before it answers.
        const deciding = decide(world, memory).catch(() => sometimes('a decision was not answered'))
        if (user > 1) return Promise.race([deciding, sleep(3_000)])
        const slipId = `${user}-${number}`
        const one = { slipId, amount: random.integer(EDITED), delay: DELAYS[random.integer(DELAYS.length)]! }
        await client(Desk).hand(one, { timeout: 3_000 })
        memory.handed.add(slipId)
      },
    },
    invariants: {
      [ONCE]: ({ rows }) => {
        const twice = rows('clerk', 'SELECT id FROM filed GROUP BY id HAVING count(*) > 1').map(({ id }) => id)
        assert.deepEqual(twice, [], `slips ${twice.join()} were filed more than once`)
      },
      [EDIT]: ({ rows }) => {
        for (const { id, amount } of rows('clerk', 'SELECT id, amount FROM filed'))
          assert.equal(amount, memory.edited.get(String(id)) ?? amount, `slip ${String(id)}`)
      },
      [DISCARDED]: ({ rows }) => {
        for (const { id } of rows('clerk', 'SELECT id FROM filed'))
          assert.ok(!memory.discarded.has(String(id)), `slip ${String(id)}`)
      },
      [LOST]: ({ rows }) => {
        const filed = new Set(rows('clerk', 'SELECT id FROM filed').map(({ id }) => id))
        for (const id of memory.handed) assert.ok(filed.has(id) || memory.doubtful.has(id), `slip ${id} was not filed`)
      },
    },
    expects: ['a slip was discarded', 'a slip was edited', 'a message was parked'],
  }
}
