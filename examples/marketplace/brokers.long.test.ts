import { missingServer } from '@dure/testing/servers'
import { holdsUnderLoad } from './held.test-support.ts'

for (const [broker, placement] of [
  ['nats', 'split'],
  ['activemq', 'together'],
  ['rabbitmq', 'split'],
  ['kafka', 'split'],
] as const)
  holdsUnderLoad({ on: broker, placement, flags: ['--broker', broker], skip: missingServer(broker) })

holdsUnderLoad({ on: 'PostgreSQL', placement: 'together', flags: ['--database', 'postgres'] })
