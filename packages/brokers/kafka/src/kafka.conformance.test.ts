import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { missingServer, startLocalServer, type LocalServer, type Proxy } from '@dure/testing/servers'
import { brokerConformance } from 'dure/messaging/conformance'
import { requestConformance } from 'dure/service/conformance'
import { streamConformance } from 'dure/stream/conformance'
import { KAFKA } from './capabilities.ts'
import { kafkaBroker } from './kafka.ts'
import { published, startKafkaProxy } from './proxy.test-support.ts'
import { QUICK_GROUPS, QUICK_MEMBERS } from './server.test-support.ts'

describe('kafka', { skip: missingServer('kafka') }, () => {
  let proxy: Proxy
  let server: LocalServer
  before(async () => {
    proxy = await startKafkaProxy()
    // The broker tells its clients to come through the proxy.
    const settings = { ...QUICK_GROUPS, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` }
    server = await startLocalServer('kafka', { settings })
    proxy.to = server.port
  })
  after(async () => {
    await proxy.close()
    await server.close()
  })

  brokerConformance(
    'kafka',
    ({ directory, loses, ...world }) => {
      proxy.fate = published((text) => {
        const lost = [...text.matchAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g)].filter(([id]) => loses({ id } as never))
        return lost.length > 0 ? 'cut before' : 'passes'
      })
      return kafkaBroker({ url: server.url, prefix: `${basename(directory)}.`, ...QUICK_MEMBERS })(world)
    },
    KAFKA,
  )
  requestConformance('kafka', (world) => kafkaBroker({ url: server.url, ...QUICK_MEMBERS })(world))
  // Ten seconds in which partitions are idle.
  if (process.env['DURE_TEST_LONG'] === '1')
    streamConformance('kafka', (world) => kafkaBroker({ url: server.url, prefix: 'streams.', ...QUICK_MEMBERS })(world))
})
