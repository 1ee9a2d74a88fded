import { copiesConformance } from '@dure/postgres/conformance'
import { missingServer, startLocalServer } from '@dure/testing/servers'

copiesConformance('NATS', {
  module: new URL('connect.test-support.ts', import.meta.url),
  skip: missingServer('nats'),
  server: async () => {
    const server = await startLocalServer('nats')
    const crash = async (): Promise<void> => {
      await server.crash()
      await server.start()
    }
    return { address: `${server.url} shop`, crash, close: server.close }
  },
})
