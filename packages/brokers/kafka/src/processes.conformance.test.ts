import { after, before, describe } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { processConformance } from 'dure/messaging/conformance'
import { KAFKA } from './capabilities.ts'
import { QUICK_GROUPS } from './server.test-support.ts'

describe('kafka', { skip: missingServer('kafka') }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('kafka', { settings: QUICK_GROUPS })
  })
  after(() => server.close())

  processConformance(
    'kafka',
    {
      module: new URL('connect.test-support.ts', import.meta.url),
      server: async () => ({
        address: server.url,
        crash: async () => {
          await server.crash()
          await server.start()
        },
        stop: async () => {},
      }),
    },
    KAFKA,
  )
})
