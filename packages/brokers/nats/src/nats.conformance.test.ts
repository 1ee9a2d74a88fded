import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { brokerConformance } from 'dure/messaging/conformance'
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
    (world) => natsBroker({ servers: server.url, prefix: basename(world.directory), syncsAlways: true, timeout: 5_000 })(world),
    NATS,
  )
})
