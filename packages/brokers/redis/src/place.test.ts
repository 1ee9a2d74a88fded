import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisBroker } from './redis.ts'

test('it says where Redis is and under which keys topics and queues are, and nobody to connect as', () => {
  const { servers, address } = redisBroker({ url: 'redis://user:secret@one/3', prefix: 'shop' }).place!
  assert.deepEqual(servers, { redis: { host: 'one:6379', protocol: 'redis' } })
  assert.equal(address!('topic', 'placed'), 'shop:topic:{placed}')
  assert.equal(address!('queue', 'count'), 'shop:queue:{count}')
  assert.equal(redisBroker({ url: 'nowhere' }).place, undefined)
})
