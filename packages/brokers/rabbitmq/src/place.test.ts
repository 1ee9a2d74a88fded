import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rabbitmqBroker } from './rabbitmq.ts'

test('it says where RabbitMQ is and what topics and queues are called there, and nobody to connect as', () => {
  const { servers, address } = rabbitmqBroker({ url: 'amqps://user:secret@one/shop', prefix: 'shop' }).place!
  assert.deepEqual(servers, { amqps: { host: 'one:5671', protocol: 'amqps' } })
  assert.equal(address!('topic', 'order/placed'), 'shop.topic.order_x2f_placed')
  assert.equal(address!('queue', 'count'), 'shop.queue.count')
  assert.equal(address!('group', 'count'), 'count')
})
