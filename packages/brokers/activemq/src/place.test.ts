import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activeMqBroker } from './activemq.ts'

test('it says where ActiveMQ is and what topics and queues are called there, and nobody to connect as', () => {
  const { servers, address } = activeMqBroker({ url: 'amqp://user:secret@one', prefix: 'shop' }).place!
  assert.deepEqual(servers, { amqp: { host: 'one:5672', protocol: 'amqp' } })
  assert.equal(address!('topic', 'order.placed'), 'VirtualTopic.shop.order.placed.{partition}')
  assert.equal(address!('queue', 'count'), 'shop.queue.count')
  assert.equal(activeMqBroker({ url: 'nowhere' }).place, undefined)
  assert.deepEqual(activeMqBroker({ url: 'amqps://one' }).place!.servers, { amqps: { host: 'one:5671', protocol: 'amqps' } })
})
