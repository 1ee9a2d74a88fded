import assert from 'node:assert/strict'
import { test } from 'node:test'
import { natsBroker } from './nats.ts'

test('it says where NATS is and on which subjects topics and queues are, and nobody to connect as', () => {
  const { servers, address } = natsBroker({ servers: ['nats://user:secret@one:4222', 'two'], prefix: 'shop' }).place!
  assert.deepEqual(servers, { nats: { host: 'one:4222', protocol: 'nats' }, 'nats-2': { host: 'two:4222', protocol: 'nats' } })
  assert.match(address!('topic', 'placed'), /^shop\.topic\.placed\.\*$/)
  assert.match(address!('queue', 'count'), /^shop\.queue\.count\.\*$/)
})
