import { after } from 'node:test'
import { brokerConformance } from 'dure/messaging/conformance'
import { REDIS, redisBroker } from './redis.ts'
import { startServer } from './servers.test-support.ts'

const server = await startServer('redis')
after(() => server.stop())
brokerConformance(
  'redis',
  async ({ directory, runtime, log }) => redisBroker({ url: server.url, prefix: directory.slice(-6) })({ runtime, log }),
  REDIS,
)
