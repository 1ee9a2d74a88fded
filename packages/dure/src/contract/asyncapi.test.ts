import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiagnosticSeverity, Parser } from '@asyncapi/parser'
import { z } from 'zod'
import { asyncapi, contract, event } from './contract.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Drawn = any

const Folder: z.ZodType = z.object({
  name: z.string(),
  get inside() {
    return z.map(z.string(), Folder)
  },
})
const Placed = event('order.placed', {
  schema: z.object({
    orderId: z.uuid(),
    at: z.date(),
    total: z.bigint(),
    pair: z.tuple([z.string(), z.date()]),
    byShop: z.map(z.string(), z.set(z.bigint())),
    raw: z.instanceof(Uint8Array),
    folder: Folder,
    any: z.unknown(),
  }),
  key: (e) => e.orderId,
  version: 3,
  upcast: { 1: (old) => old, 2: (old) => old },
  description: 'A customer placed an order',
})
const Gone = event('order.gone', { schema: z.object({ orderId: z.uuid() }), key: (e) => e.orderId })
const Orders = contract('orders', { version: '2.0.0', owner: 'team', operations: {}, events: [Placed, Gone] })
const Empty = contract('empty', { version: '1.0.0', owner: 'team', operations: {} })

async function draw(...args: Parameters<typeof asyncapi>): Promise<Drawn> {
  const text = JSON.stringify(asyncapi(...args))
  const { diagnostics } = await new Parser().parse(text)
  assert.deepEqual(
    diagnostics.filter((each) => each.severity === DiagnosticSeverity.Error),
    [],
  )
  return JSON.parse(text)
}

test('events of every wire type make a valid AsyncAPI 3 document', async () => {
  const document = await draw([Orders, Empty], {
    title: 'Shop',
    servers: { main: { host: 'localhost:9092', protocol: 'kafka' } },
  })
  assert.equal(document.asyncapi, '3.0.0')
  assert.deepEqual(Object.keys(document.channels), ['order.placed', 'order.gone'])
  assert.equal(document.operations['orders.order.placed'].action, 'send')
  const message = document.components.messages['order.placed']
  assert.equal(message['x-dure-schema-version'], 3)
  assert.equal(message.payload.properties.schemaversion.maximum, 3)
  assert.equal(message.payload.properties.type.const, 'order.placed')
  assert.equal(message.payload.properties.partitionkey.description, 'Events of one key keep their order: {orderId}')
})

test('tuples are said as JSON Schema draft 7 says them', () => {
  const { pair } = (asyncapi([Orders], { title: 'Shop' }) as Drawn).components.messages['order.placed'].payload.properties.data
    .properties
  assert.equal(pair.items.length, 2)
  assert.equal(pair.additionalItems, false)
  assert.equal(pair.prefixItems, undefined)
})

test('a system without events has a valid document too', async () => {
  assert.deepEqual((await draw([Empty], { title: 'Quiet', version: '9.0.0' })).info.version, '9.0.0')
})
