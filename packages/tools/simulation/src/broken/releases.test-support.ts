/**
 * A desk and its archive in two releases: the later one has one more column, one more optional field, a message in its next
 * version and one more event.
 */
import assert from 'node:assert/strict'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation } from '../simulation.ts'

const article = z.object({ id: z.string(), page: z.string(), number: z.int() })
const noted = article.extend({ note: z.string() })
const key = ({ page }: { readonly page: string }): string => page

const Printed = event('printed', { schema: article, key })
const NotedPrinted = event('printed', {
  ...{ version: 2, schema: noted, key },
  upcast: { 1: (data: object) => ({ ...data, note: '' }) },
})
const Noted = event('noted', { schema: noted, key })

const input = z.object({ id: z.string(), page: z.string() })
const output = z.object({ by: z.enum(['old', 'new']) })
const Desk = contract('desk', {
  ...{ version: '1.0.0', owner: 'tests', events: [Printed] },
  operations: { print: command({ input, output, idempotent: true }) },
})
const NewDesk = contract('desk', {
  ...{ version: '1.1.0', owner: 'tests', events: [NotedPrinted, Noted] },
  operations: { print: command({ input: input.extend({ note: z.string().optional() }), output, idempotent: true }) },
})
const Archive = contract('archive', { version: '1.0.0', owner: 'tests', operations: {} })

type Articles = { articles: { id: string; page: string; number: number; note?: string } }
type Entries = { entries: { position?: number; id: string; page: string; number: number; kind: string } }
const ARTICLES = { '001': 'CREATE TABLE articles (id TEXT PRIMARY KEY, page TEXT NOT NULL, number INTEGER NOT NULL)' }
const NOTES = { '002': "ALTER TABLE articles ADD COLUMN note TEXT NOT NULL DEFAULT ''" }
const ENTRIES = {
  '001': `CREATE TABLE entries (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, page TEXT NOT NULL,
    number INTEGER NOT NULL, kind TEXT NOT NULL)`,
}

type Process = { readonly runtime: Runtime }

/** Whoever files an entry may be out of paper: the message is tried again. */
const paperOf =
  ({ runtime: { random } }: Process) =>
  (): void => {
    if (random.number() < 0.1) throw new Error('Out of paper')
  }

const before = (process: Process): System => {
  const paper = paperOf(process)
  return system('press', {
    services: [
      service(Desk, {
        database: database<Articles>({ migrations: ARTICLES }),
        handlers: {
          print: ({ id, page }, { database }) =>
            database.transaction(async (tx) => {
              const known = await tx.selectFrom('articles').select('id').where('page', '=', page).execute()
              if (known.some((one) => one.id === id)) return { by: 'old' as const }
              const one = { id, page, number: known.length + 1 }
              await tx.insertInto('articles').values(one).execute()
              await tx.publish(Printed, one)
              return { by: 'old' as const }
            }),
        },
      }),
      service(Archive, {
        database: database<Entries>({ migrations: ENTRIES }),
        handlers: {},
        subscriptions: ({ on }) => [
          on(Printed, async ({ data }, { tx }) => {
            paper()
            await tx
              .insertInto('entries')
              .values({ ...data, kind: 'printed' })
              .execute()
          }),
        ],
      }),
    ],
  })
}

const after = (process: Process): System => {
  const paper = paperOf(process)
  return system('press', {
    services: [
      service(NewDesk, {
        database: database<Articles>({ migrations: { ...ARTICLES, ...NOTES } }),
        handlers: {
          print: ({ id, page, note = '' }, { database }) =>
            database.transaction(async (tx) => {
              const known = await tx.selectFrom('articles').select('id').where('page', '=', page).execute()
              if (known.some((one) => one.id === id)) return { by: 'new' as const }
              const one = { id, page, number: known.length + 1, note }
              await tx.insertInto('articles').values(one).execute()
              await tx.publish(NotedPrinted, one)
              if (note !== '') await tx.publish(Noted, one)
              return { by: 'new' as const }
            }),
        },
      }),
      service(Archive, {
        database: database<Entries>({ migrations: ENTRIES }),
        handlers: {},
        subscriptions: ({ on }) => [
          on(NotedPrinted, async ({ data: { id, page, number } }, { tx }) => {
            paper()
            await tx.insertInto('entries').values({ id, page, number, kind: 'printed' }).execute()
          }),
          on(Noted, async ({ data: { id, page, number } }, { tx }) => {
            await tx.insertInto('entries').values({ id, page, number, kind: 'noted' }).execute()
          }),
        ],
      }),
    ],
  })
}

const PAGES = ['front', 'sports', 'letters', 'weather']

/** @param duration milliseconds for which users print, and in which all is replaced; as many articles, however long it takes */
export function printing(duration = 12_000): Simulation {
  const by = new Set<string>()
  return {
    ...{ system: after, before },
    replicas: { desk: 2, archive: 2 },
    load: {
      duration,
      clients: 3,
      pause: duration / 30,
      step: async ({ client, user, number, random }) => {
        const one = { id: `${user}-${number}`, page: PAGES[random.integer(PAGES.length)]! }
        const { by: release } = await client(NewDesk).print(random.number() < 0.5 ? one : { ...one, note: 'late' }, {
          timeout: 4_000,
        })
        by.add(release)
        if (release === 'old' && by.has('new')) sometimes('the old release answered after the new one had')
      },
    },
    invariants: {
      'every article is in the archive, once and in order': ({ rows }) => {
        const printed = rows('desk', 'SELECT id, page FROM articles ORDER BY page, number')
        assert.deepEqual(rows('archive', "SELECT id, page FROM entries WHERE kind = 'printed' ORDER BY page, position"), printed)
      },
      'every note is in the archive, once': ({ rows }) => {
        const noted = rows('desk', "SELECT id FROM articles WHERE note <> '' ORDER BY id")
        assert.deepEqual(rows('archive', "SELECT id FROM entries WHERE kind = 'noted' ORDER BY id"), noted)
      },
      'no message has died': ({ rows }) => {
        const dead = rows('archive', "SELECT message_id FROM dure_parked WHERE state = 'dead'").length
        const decided = rows('archive', 'SELECT letter FROM dure_parked_audit').length
        assert.equal(dead + decided, 0, `${dead} messages are dead letters, and ${decided} were and were tried again`)
      },
    },
    expects: ['the old release answered after the new one had'],
  }
}
