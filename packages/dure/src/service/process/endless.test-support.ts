/** A service whose stream has an operator that never returns from a record, until a file is there; as a program, one process of it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { command, contract, event, query } from '../../contract/contract.ts'
import { database } from '../../data/data.ts'
import { stream, topology } from '../../stream/stream.ts'
import { service, system, type System } from '../service.ts'
import { runPart } from './supervised-system.test-support.ts'

const Sale = z.object({ seller: z.string(), cents: z.int() })
const Sold = event('item.sold', { schema: Sale, key: ({ seller }) => seller })
export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: Sale }) },
  events: [Sold],
})
export const Report = contract('report', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sum: query({ input: z.string(), output: z.array(z.int()) }) },
})

const isMended = (): boolean => existsSync(join(process.argv[2]!, 'mended'))

export function endless(): System {
  const sums = stream(Sold)
    .byKey()
    .aggregate({
      name: 'sums',
      init: () => 0,
      add: (sum, { cents }) => {
        while (cents === 13 && !isMended());
        return sum + cents
      },
    })
  const sales = topology('sales', [sums])
  const shop = service(Shop, {
    database: database({ migrations: {} }),
    handlers: { sell: (data, { database: own }) => own.transaction((tx) => tx.publish(Sold, data)) },
  })
  const report = service(Report, {
    ...{ database: database({ migrations: {} }), extensions: [sales] },
    handlers: { sum: async (seller, context) => [...(await sales.view(context, sums).find(seller))] },
  })
  return system('market', { services: [shop, report] })
}

await runPart(endless())
