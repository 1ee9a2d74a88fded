import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { stream, topology } from 'dure/stream'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { control } from './control/control.ts'
import { dure, temporary } from './shell.test-support.ts'

const Sold = event('item.sold', { schema: z.object({ sku: z.string() }), key: ({ sku }) => sku })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: z.object({ sku: z.string() }) }) },
  events: [Sold],
})
const sales = topology('sales', [stream(Sold).byKey().count({ name: 'per-sku' })])
const shop = service(Shop, {
  database: database<{}>({ migrations: {} }),
  extensions: [sales],
  handlers: { sell: (data, { database: own }) => own.transaction((tx) => tx.publish(Sold, data)) },
})

test('streams are listed with how far they have come, and shown with their operators', { timeout: 60_000 }, async (t) => {
  const data = temporary()
  const one = await start(system('shop', { services: [shop], doors: [control()] }), { directory: data, log: silentLogger() })
  t.after(() => one.stop())
  for (const sku of ['a', 'b', 'a']) await one.client(Shop).sell({ sku })
  const read = async () => JSON.parse((await dure(['streams', '--json', '--data', data])).out) as { records: number }[]
  while ((await read())[0]?.records !== 3) await realRuntime().timers.sleep(10)
  const listed = await dure(['streams', '--data', data])
  assert.match(
    listed.out,
    /SERVICE +STREAM +BEHIND +EVENTS +STATE +MEMORY.*\nshop +sales +\S+(?: \w+)? +3 +\d+ +\d.*? +0 +0 +0 +0\n/,
  )
  const shown = await dure(['streams', 'sales', '--data', data])
  assert.match(shown.out, /topology sales\nitem\.sold\nper-sku \[aggregate\] <- item\.sold/)
  assert.match(shown.out, /OPERATOR +TOLD +A SECOND\nper-sku +3 +\d/)
  const why = await dure(['why', 'per-sku', 'a', '--data', data])
  assert.match(why.out, /^sales of shop\. Of 3 records all were noted; of "a" all are from now on\n/)
  assert.match(why.out, /per-sku +a +took [^]*per-sku +a +told .* 1\n[^]*per-sku +a +told .* 2\n/)
  const ways = JSON.parse((await dure(['why', 'sales', 'b', '--json', '--data', data])).out) as { steps: { did: string }[] }[]
  assert.deepEqual(
    ways[0]!.steps.map(({ did }) => did),
    ['took', 'told'],
  )
  assert.match(
    (await dure(['why', 'nothing', 'a', '--data', data])).err,
    /No service has a stream, or an operator of one, called "nothing"/,
  )
  const unknown = await dure(['streams', 'nothing', '--data', data])
  assert.match(unknown.err, /No service has a stream "nothing"/)
})
