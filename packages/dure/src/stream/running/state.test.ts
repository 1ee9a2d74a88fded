/** State that is in the store, and not in memory, is what it would be in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { table, topology } from '../stream.ts'
import { streamRecords } from './records.ts'
import { deliveriesOf, makeRig, messageOf, START } from './rig.test-support.ts'

const Priced = event('item.priced', { schema: z.object({ sku: z.string(), cents: z.int() }), key: ({ sku }) => sku })
const at = (partition: number, epoch = 1) => ({ topic: Priced.topic, partition, epoch, broker: 'b' })

test('a key that is removed and comes again in one batch is in the store', { timeout: 60_000 }, async (t) => {
  const prices = topology('prices', [table(Priced, { name: 'prices', isDeleted: ({ cents }) => cents === 0 })])
  const rig = await makeRig(t, prices)
  const reader = rig.reader()
  await reader.assigned(at(0))
  const told = [5, 0, 7].map((cents) => messageOf(Priced, 'a', START, { sku: 'a', cents }))
  await reader.deliver(deliveriesOf(told, 0), at(0))
  const [row] = await streamRecords(rig.store, 'prices').find('prices', 'a', { from: 0, to: 0 })
  assert.deepEqual(row?.value, { sku: 'a', cents: 7 })
})
