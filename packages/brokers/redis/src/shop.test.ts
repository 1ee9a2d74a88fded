import { copiesConformance } from '@dure/postgres/conformance'
import { missingServer, startLocalServer } from '@dure/testing/servers'

copiesConformance('Redis', {
  module: new URL('connect.test-support.ts', import.meta.url),
  skip: missingServer('redis'),
  server: async () => {
    const server = await startLocalServer('redis')
    const crash = async (): Promise<void> => {
      await server.crash()
      await server.start()
    }
    return { address: server.url, crash, close: server.close }
  },
})
