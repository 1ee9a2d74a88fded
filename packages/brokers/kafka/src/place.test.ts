import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiagnosticSeverity, Parser } from '@asyncapi/parser'
import { asyncapi, contract, event, request } from 'dure/contract'
import { z } from 'zod'
import { kafkaBroker } from './kafka.ts'

test('a document says where Kafka is and what topics, queues and groups are called there, and nobody to connect as', async () => {
  const { place } = kafkaBroker({ url: 'kafka://user:secret@kafka1:9092,kafka2:9092', prefix: 'shop.', tls: true })
  const Placed = event('order.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id, partitions: 3 })
  const Count = request('count-stock', { input: z.object({ id: z.string() }) })
  const Orders = contract('orders', { version: '1.0.0', owner: 'tests', operations: {}, events: [Placed], requests: [Count] })
  const readers = [{ service: 'billing', name: 'order.placed', event: 'order.placed' }]
  const text = JSON.stringify(asyncapi([Orders], { title: 'Shop', ...place, readers }))
  const { diagnostics } = await new Parser().parse(text)
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === DiagnosticSeverity.Error),
    [],
  )
  assert.doesNotMatch(text, /secret/)
  const { servers, channels, operations } = JSON.parse(text) as Readonly<Record<string, Readonly<Record<string, object>>>>
  assert.deepEqual(servers, {
    'kafka-secure': { host: 'kafka1:9092', protocol: 'kafka-secure' },
    'kafka-secure-2': { host: 'kafka2:9092', protocol: 'kafka-secure' },
  })
  const of = (channel: string): unknown =>
    (channels![channel] as { readonly bindings: { readonly kafka: unknown } }).bindings.kafka
  assert.deepEqual(of('order.placed'), { topic: 'shop.order.placed', partitions: 3 })
  assert.deepEqual(of('count-stock'), { topic: 'shop.queue.count-stock' })
  const reads = operations!['billing.order.placed.reads'] as { readonly bindings: unknown }
  assert.deepEqual(reads.bindings, { kafka: { groupId: { type: 'string', enum: ['shop.billing/order.placed'] } } })
})
