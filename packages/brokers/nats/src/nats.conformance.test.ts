import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { brokerConformance, processConformance } from 'dure/messaging/conformance'
import { requestConformance } from 'dure/service/conformance'
import { streamConformance } from 'dure/stream/conformance'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { NATS, natsBroker } from './nats.ts'

describe('nats', { skip: missingServer('nats') }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('nats')
  })
  after(() => server.close())
  brokerConformance(
    'nats',
    (world) => natsBroker({ servers: server.url, prefix: basename(world.directory), syncsAlways: true })(world),
    NATS,
  )
  requestConformance('nats', (world) => natsBroker({ servers: server.url, prefix: 'requests', syncsAlways: true })(world))
  streamConformance('nats', (world) => natsBroker({ servers: server.url, prefix: 'streams', syncsAlways: true })(world))
  processConformance(
    'nats',
    {
      module: new URL('connect.test-support.ts', import.meta.url),
      server: async ({ directory }) => ({
        address: `${server.url} ${basename(directory)}`,
        crash: async () => {
          await server.crash()
          await server.start()
        },
        stop: async () => {},
      }),
    },
    NATS,
  )
})
