import { command, contract, event } from 'dure/contract'
import { database, sql } from 'dure/data'
import { queue } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import { service, system, type Service, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes } from '../simulation.ts'

const Job = z.object({
  jobId: z.string(),
  /** Which printer's: letters of one printer are told of in order. */
  printer: z.string(),
  /** Milliseconds that it takes. */
  slow: z.int(),
  /** It never comes out. */
  jams: z.boolean(),
  delay: z.int(),
})

/** Slow work of which every letter is one, taken by whoever is free. */
export const Print = queue('print', {
  // With when it was sent, by the monotonic clock that all simulated machines share.
  schema: Job.extend({ sentAt: z.number() }),
})
export const Printed = event('printed', {
  schema: z.object({ jobId: z.string(), printer: z.string(), press: z.string(), number: z.int() }),
  key: ({ printer }) => printer,
})

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    order: command({ input: Job, output: z.object({ jobId: z.string() }), idempotent: true }),
  },
})
const pressContract = (name: string) => contract(name, { version: '1.0.0', owner: 'tests', operations: {}, events: [Printed] })

/** Two services that compete for the work. */
export const PRESSES: readonly string[] = ['press', 'proof']
export const ATTEMPTS = 6
/** Milliseconds that somebody hangs now and then: longer than a preparation may take. */
const HANGS = 40_000

/** A desk that takes jobs, and presses that work on them slowly; made with the world of the process it lives in. */
export function printing({ runtime }: { readonly runtime: Runtime }): System {
  return system('printing', { services: [desk(runtime), ...PRESSES.map((name) => press(name, runtime))] })
}

type DeskTables = {
  jobs: { id: string; jams: number; done: number }
  told: { position?: number; printer: string; press: string; number: number }
}

function desk({ clock }: Runtime): Service {
  return service(Desk, {
    database: database<DeskTables>({
      migrations: {
        '001': `CREATE TABLE jobs (id TEXT PRIMARY KEY, jams INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0);
          CREATE TABLE told (position INTEGER PRIMARY KEY AUTOINCREMENT, printer TEXT NOT NULL, press TEXT NOT NULL, number INTEGER NOT NULL)`,
      },
    }),
    handlers: {
      order: (job, { database }) =>
        database.transaction(async (tx) => {
          const { jobId: id, jams, delay } = job
          const known = await tx.selectFrom('jobs').select('id').where('id', '=', id).executeTakeFirst()
          if (known !== undefined) return { jobId: id }
          await tx
            .insertInto('jobs')
            .values({ id, jams: jams ? 1 : 0, done: 0 })
            .execute()
          await tx.send(Print, { ...job, sentAt: clock.monotonic() }, delay === 0 ? {} : { delay })
          return { jobId: id }
        }),
    },
    subscriptions: ({ on }) => [
      on(Printed, async ({ data: { jobId, printer, press: by, number } }, { tx }) => {
        await tx.insertInto('told').values({ printer, press: by, number }).execute()
        const first = await tx
          .updateTable('jobs')
          .set({ done: 1 })
          .where('id', '=', jobId)
          .where('done', '=', 0)
          .executeTakeFirst()
        if (Number(first.numUpdatedRows) === 0) sometimes('two presses had printed the same')
      }),
    ],
  })
}

type PressTables = { printed: { position?: number; job_id: string; printer: string; early: number } }

function press(name: string, { clock, timers, random }: Runtime): Service {
  return service(pressContract(name), {
    database: database<PressTables>({
      migrations: {
        '001':
          'CREATE TABLE printed (position INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, printer TEXT NOT NULL, early DOUBLE PRECISION NOT NULL)',
      },
    }),
    handlers: {},
    subscriptions: ({ work }) => [
      work(Print, {
        concurrency: 2,
        retry: { attempts: ATTEMPTS },
        prepare: async ({ data: { slow, delay, sentAt } }) => {
          const early = Math.max(0, sentAt + delay - clock.monotonic())
          const hangs = random.number() < 0.01
          if (hangs) sometimes('work took longer than it may')
          await timers.sleep(hangs ? HANGS : slow)
          if (random.number() < 0.15) throw new Error('Out of paper')
          return early
        },
        handle: async ({ data: { jobId, printer, jams } }, { tx }, early) => {
          if (jams) throw new Error('The paper is jammed')
          await tx.insertInto('printed').values({ job_id: jobId, printer, early }).execute()
          const { number } = await tx
            .selectFrom('printed')
            .select(sql<number>`count(*)`.as('number'))
            .where('printer', '=', printer)
            .executeTakeFirstOrThrow()
          await tx.publish(Printed, { jobId, printer, press: name, number: Number(number) })
        },
      }),
    ],
  })
}
