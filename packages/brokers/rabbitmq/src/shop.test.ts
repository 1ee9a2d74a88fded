import { copiesConformance } from '@dure/postgres/conformance'
import { missingServer, startLocalServer } from '@dure/testing/servers'

copiesConformance('RabbitMQ', {
  module: new URL('connect.test-support.ts', import.meta.url),
  skip: missingServer('rabbitmq'),
  server: async () => {
    const server = await startLocalServer('rabbitmq')
    const crash = async (): Promise<void> => {
      await server.crash()
      await server.start()
    }
    return { address: `${server.url} ${server.ports['stream']} shop`, crash, close: server.close }
  },
})
