import { z } from 'zod'
import { saga, type Saga } from './saga.ts'
import { Bank, line, Refused, Ship, shopDatabase, Unship } from './saga.test-support.ts'

/** Every kind of step, and what each undoes; ids that begin with "r" are refused at their end. */
export function tripOf(): Saga<z.ZodUnknown> {
  return saga('trip', {
    needs: { bank: Bank },
    database: shopDatabase,
    requests: [Ship, Unship],
    input: z.unknown(),
    run: async (s) => {
      await s.step('order', { transaction: (tx) => line(tx, `order ${s.id}`), undo: (tx) => line(tx, `unorder ${s.id}`) })
      await s.step('pay', {
        do: ({ bank }) => bank.pay({ order: s.id, amount: 1 }),
        undo: ({ bank }) => bank.refund({ order: s.id }),
      })
      const { parcels } = await s.request(
        'ship',
        Ship,
        { order: s.id, parcels: 2 },
        { undo: (tx) => tx.send(Unship, { order: s.id }) },
      )
      await s.sleep('a moment', parcels)
      await s.step('pack', { transaction: (tx) => line(tx, `pack ${s.id}`), undo: (tx) => line(tx, `unpack ${s.id}`) })
      await s.step('end', {
        transaction: (tx) => {
          if (s.id.startsWith('r')) throw Refused({ card: s.id })
          return line(tx, `end ${s.id}`)
        },
      })
    },
  })
}
