/** A till with a store of its own and a bell that rings it up; as a program, one process of them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { command, contract, query } from '../../contract/contract.ts'
import { database, sqlite } from '../../data/data.ts'
import { embeddedBroker } from '../../messaging/messaging.ts'
import { runPart } from './supervised-system.test-support.ts'
import { service, system, type System } from '../service.ts'

export const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.string(), output: z.int(), idempotent: true, deadline: 20_000 }),
    count: query({ output: z.int(), deadline: 20_000 }),
    hang: command({ deadline: 60_000 }),
  },
})
export const Bell = contract('bell', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    ring: command({ input: z.string(), output: z.int(), idempotent: true, deadline: 20_000 }),
    pid: query({ output: z.int() }),
  },
})

const till = service(Till, {
  database: database<{ rings: { id: string } }>({ migrations: { '001': 'CREATE TABLE rings (id TEXT PRIMARY KEY)' } }),
  handlers: {
    add: async (id, { database }) => {
      await database.transaction((tx) =>
        tx
          .insertInto('rings')
          .values({ id })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      )
      return process.pid
    },
    count: async (_input, { database }) => (await database.read.selectFrom('rings').select('id').execute()).length,
    hang: () => new Promise(() => {}),
  },
})

const bell = service(Bell, {
  needs: { till: Till },
  handlers: { ring: (id, { till }) => till.add(id), pid: () => process.pid },
})

export const shop = (): System =>
  system('shop', {
    services: [till, bell],
    placement: [['till', 'bell']],
    database: sqlite({ durability: 'process' }),
    broker: embeddedBroker({ durability: 'process' }),
  })

/** What is to befall the next process of its own that a service gets, by the name of this file in the directory. */
export const TROUBLE = 'trouble'
export type Trouble = 'not loaded' | 'not ready' | 'frozen'

const [directory = '', ...part] = process.argv.slice(2)
const file = join(directory, TROUBLE)
const trouble = part.length === 1 && existsSync(file) ? (readFileSync(file, 'utf8') as Trouble) : undefined
if (trouble === 'not loaded') throw new Error('The moon is in the wrong place')
await runPart(shop(), {
  begin: () => {
    if (trouble === 'not ready') throw new Error('The till is jammed')
    if (trouble === 'frozen') process.kill(process.pid, 'SIGSTOP')
  },
})
