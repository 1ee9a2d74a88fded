/** A bakery whose oven fails while `BAKERY_OVEN` says so. */
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { saga } from 'dure/saga'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

export const oven: { broken: boolean } = { broken: true }

const data = database<{ shelf: { bread: string } }>({ migrations: { '001': 'CREATE TABLE shelf (bread TEXT NOT NULL)' } })
export const bake = saga('bake', {
  database: data,
  input: z.object({ bread: z.string() }),
  signals: { eat: z.object({ by: z.string() }) },
  run: async (s, { bread }) => {
    await s.step('knead', {
      transaction: (tx) => tx.insertInto('shelf').values({ bread }).execute(),
      undo: (tx) => tx.deleteFrom('shelf').where('bread', '=', bread).execute(),
    })
    await s.step('oven', {
      do: () => {
        if (oven.broken) throw new Error('the oven is cold')
        return 'baked'
      },
      output: z.string(),
      retry: { attempts: 2, first: 1 },
    })
    return (await s.signal('eat')).by
  },
})

const Bakery = contract('bakery', {
  version: '1.0.0',
  owner: 'tests',
  operations: { order: command({ input: z.object({ bread: z.string() }), output: z.boolean() }) },
})
const bakery = service(Bakery, {
  database: data,
  extensions: [bake],
  handlers: { order: (input, { database }) => database.transaction((tx) => tx.begin(bake, input, { id: input.bread })) },
})

const bakeries: System = system('bakeries', { services: [bakery] })
export default bakeries
