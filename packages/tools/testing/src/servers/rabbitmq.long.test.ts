import { holds, send } from './amqp.test-support.ts'
import { serverTests } from './life.test-support.ts'

// In this form an address makes the queue it names.
serverTests('rabbitmq', { write: ({ port }) => send(port, '/queue/orders'), read: ({ port }) => holds(port, '/queue/orders') })
