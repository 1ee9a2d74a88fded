import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { processConformance } from 'dure/messaging/conformance'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { RABBITMQ } from './rabbitmq.ts'

describe('rabbitmq', { skip: missingServer('rabbitmq') }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('rabbitmq')
  })
  after(() => server.close())
  processConformance(
    'rabbitmq',
    {
      module: new URL('connect.test-support.ts', import.meta.url),
      server: async ({ directory }) => ({
        address: `${server.url} ${server.ports['stream']} ${basename(directory)}`,
        crash: async () => {
          await server.crash()
          await server.start()
        },
        stop: async () => {},
      }),
    },
    RABBITMQ,
  )
})
