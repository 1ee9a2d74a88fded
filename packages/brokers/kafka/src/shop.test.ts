import { copiesConformance } from '@dure/postgres/conformance'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import { QUICK_GROUPS } from './server.test-support.ts'

copiesConformance('Kafka', {
  module: new URL('connect.test-support.ts', import.meta.url),
  skip: missingServer('kafka'),
  server: async () => {
    const server = await startLocalServer('kafka', { settings: QUICK_GROUPS })
    const crash = async (): Promise<void> => {
      await server.crash()
      await server.start()
    }
    return { address: server.url, crash, close: server.close }
  },
})
