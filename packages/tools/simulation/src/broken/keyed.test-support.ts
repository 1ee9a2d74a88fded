/** Counters whose values are in memory, of which each name has one writer among the copies of the service. */
import assert from 'node:assert/strict'
import { CallError, command, contract } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { keyedState, service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation, type StepWorld } from '../simulation.ts'

const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({
      input: z.object({ name: z.string(), asked: z.string(), slow: z.int() }),
      output: z.int(),
      key: ({ name }) => name,
    }),
  },
})
type Tables = {
  counters: { name: string; value: number }
  increments: { id: string; asked: string; name: string; value: number }
}
const tables = database<Tables>({
  migrations: {
    // Nothing of it refuses a value that comes twice.
    '001': `CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
      CREATE TABLE increments (id TEXT PRIMARY KEY, asked TEXT NOT NULL, name TEXT NOT NULL, value BIGINT NOT NULL)`,
  },
})

function counters({ runtime: { timers } }: { readonly runtime: Runtime }): System {
  const value = keyedState('value', {
    database: tables,
    load: async (name, read) =>
      Number((await read.selectFrom('counters').select('value').where('name', '=', name).executeTakeFirst())?.value ?? 0),
  })
  const counter = service(Counter, {
    ...{ database: tables, extensions: [value] },
    handlers: {
      add: async ({ name, asked, slow }, context) => {
        const next = (await value.of(context)) + 1
        await timers.sleep(slow)
        const committed = context.database.transaction(async (tx) => {
          await tx.insertInto('increments').values({ id: context.ids.next(), asked, name, value: next }).execute()
          const row = { name, value: next }
          const counted = tx.insertInto('counters').values(row)
          await counted.onConflict((it) => it.column('name').doUpdateSet(row)).execute()
          value.set(tx, next)
          await tx.answer(next)
          return next
        })
        return committed.catch((error: unknown) => {
          if (error instanceof CallError && error.message.includes('another copy has its key')) sometimes(LATE)
          throw error
        })
      },
    },
  })
  return system('counting', { services: [counter] })
}

/** Milliseconds that callers give a call, and that the work takes. */
const PATIENCE: readonly number[] = [1_000, 3_000, 9_000]
const SLOW: readonly number[] = [0, 0, 20, 800]
const ATTEMPTS = 20
const LATE = 'who had lost its key was refused'
export const ONE_MORE = 'each next value of a name is one more'

export function countingKeys(): Simulation {
  /** What was answered, by what was asked. */
  const answers = new Map<string, { readonly name: string; readonly value: number }>()
  const ask = async ({ client, random, sleep }: StepWorld, name: string, asked: string): Promise<void> => {
    const slow = SLOW[random.integer(SLOW.length)]!
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const timeout = PATIENCE[random.integer(PATIENCE.length)]!
      try {
        const value = await client(Counter).add({ name, asked, slow }, { timeout, idempotencyKey: asked })
        const before = Math.max(0, ...[...answers.values()].filter((one) => one.name === name).map((one) => one.value))
        if (value < before) sometimes('an answer came after a later one')
        answers.set(asked, { name, value })
        return
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        sometimes('a caller asked again')
        await sleep(200)
      }
    }
  }
  return {
    system: counters,
    replicas: { counter: 3 },
    load: {
      duration: 10_000,
      clients: 2,
      pause: 400,
      step: async (world) => {
        const name = `name-${world.random.integer(3)}`
        await Promise.all([1, 2].map((n) => ask(world, name, `${world.user}-${world.number}-${n}`)))
      },
    },
    invariants: {
      [ONE_MORE]: ({ rows }) => {
        const found = rows('counter', 'SELECT name, value FROM increments ORDER BY name, value')
        const counts = new Map<unknown, number>()
        for (const { name, value } of found) {
          const next = (counts.get(name) ?? 0) + 1
          assert.equal(Number(value), next, `value ${String(value)} of ${String(name)}`)
          counts.set(name, next)
        }
        assert.ok(found.length >= answers.size)
      },
      'what was asked for once is done once, and answered so': ({ rows }) => {
        const done = rows('counter', 'SELECT asked, name, value FROM increments')
        const known = new Map(done.map(({ asked, name, value }) => [asked, { name, value: Number(value) }]))
        assert.equal(known.size, done.length)
        for (const [asked, answer] of answers) assert.deepEqual(known.get(asked), answer, asked)
      },
    },
    expects: ['a caller asked again'],
  }
}
