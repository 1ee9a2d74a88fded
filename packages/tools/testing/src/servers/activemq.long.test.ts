import { holds, send } from './amqp.test-support.ts'
import { serverTests } from './life.test-support.ts'

for (const kind of ['activemq', 'artemis'] as const) {
  serverTests(kind, { write: ({ port }) => send(port, 'orders'), read: ({ port }) => holds(port, 'orders') })
}
