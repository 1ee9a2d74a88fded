import { copiesConformance } from '@dure/postgres/conformance'
import { missingServer } from '@dure/testing/servers'
import { startServer } from './suite.test-support.ts'

copiesConformance('activemq', {
  module: new URL('connect.test-support.ts', import.meta.url),
  skip: missingServer('activemq'),
  server: async () => {
    const server = await startServer('activemq')
    const crash = async (): Promise<void> => {
      await server.crash()
      await server.start()
    }
    return { address: server.url, crash, close: server.close }
  },
})
