import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { brokerConformance } from 'dure/messaging/conformance'
import { requestConformance } from 'dure/service/conformance'
import { streamConformance } from 'dure/stream/conformance'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { RABBITMQ, rabbitmqBroker } from './rabbitmq.ts'
import { startProxy, type Proxy } from './proxy.test-support.ts'
import { at } from './world.test-support.ts'

describe('rabbitmq', { skip: missingServer('rabbitmq') }, () => {
  let server: LocalServer
  let proxy: Proxy
  before(async () => {
    server = await startLocalServer('rabbitmq')
    proxy = await startProxy(server.ports['stream']!)
  })
  after(async () => {
    await proxy.close()
    await server.close()
  })
  brokerConformance(
    'rabbitmq',
    ({ directory, loses, ...world }) => {
      proxy.fate = (text) => {
        const ids = text.matchAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g)
        return [...ids].filter(([id]) => loses({ id } as never)).length > 0 ? 'cut before' : 'goes'
      }
      return rabbitmqBroker({ ...at(server), streamPort: proxy.port, prefix: basename(directory) })(world)
    },
    RABBITMQ,
  )
  requestConformance('rabbitmq', (world) => rabbitmqBroker({ ...at(server), prefix: 'requests' })(world))
  // Ten seconds in which partitions are idle.
  if (process.env['DURE_TEST_LONG'] === '1')
    streamConformance('rabbitmq', (world) => rabbitmqBroker({ ...at(server), prefix: 'streams' })(world))
})
