import type { Proof } from './proof.ts'

/** Data: rows D. */
export const data: Readonly<Record<`D${number}`, Proof>> = {
  D1: {
    state: 'works',
    code: [
      'packages/dure/src/data/database.ts',
      'packages/dure/src/data/sqlite/sqlite.ts',
      'packages/dure/src/service/own-data.ts',
      'packages/databases/postgres/src/postgres.ts',
      'packages/databases/postgres/src/provision.ts',
      'checks/layering/services.ts',
    ],
    guide: 'docs/guides/postgresql.md',
    tests: [
      'packages/dure/src/data/sqlite/conformance.test.ts',
      'packages/dure/src/data/sqlite/sqlite.test.ts',
      'packages/databases/postgres/src/conformance18.test.ts',
      'packages/databases/postgres/src/roles.test.ts',
      'checks/layering/layering.test.ts',
    ],
  },
  D3: {
    state: 'works',
    code: [
      'packages/dure/src/data/bind.ts',
      'packages/dure/src/data/sqlite/writer.ts',
      'packages/databases/postgres/src/transactions.ts',
    ],
    guide: 'docs/guides/data.md',
    tests: [
      'packages/dure/src/data/sqlite/conformance.test.ts',
      'packages/dure/src/data/sqlite/writer.test.ts',
      'packages/databases/postgres/src/conformance18.test.ts',
      'packages/databases/postgres/src/outcome.test.ts',
    ],
  },
  D7: {
    state: 'works',
    part: { en: 'shown in the marketplace', ko: '마켓플레이스에서 보임' },
    code: [
      'examples/marketplace/services/stock/domain/reservation.ts',
      'examples/marketplace/services/stock/service.ts',
      'examples/marketplace/services/order/domain/totals.ts',
      'examples/marketplace/services/order/service.ts',
    ],
    guide: 'docs/guides/data.md',
    tests: [
      'examples/marketplace/services/stock/domain/reservation.test.ts',
      'examples/marketplace/services/order/domain/totals.test.ts',
      'examples/marketplace/checkout.test.ts',
    ],
  },
  D10: {
    state: 'works',
    code: [
      'packages/dure/src/data/outbox.ts',
      'packages/dure/src/data/relay.ts',
      'packages/databases/postgres/src/outbox/outbox.ts',
      'packages/databases/postgres/src/outbox/insert.ts',
    ],
    guide: 'docs/guides/outbox.md',
    tests: [
      'packages/dure/src/data/outbox.test.ts',
      'packages/dure/src/data/bind.test.ts',
      'packages/databases/postgres/src/outbox/order.test.ts',
      'packages/databases/postgres/src/outbox/faults.test.ts',
      'examples/express-outbox/express-outbox.test.ts',
    ],
  },
  D11: {
    state: 'works',
    code: [
      'packages/databases/postgres/src/outbox/relay.ts',
      'packages/databases/postgres/src/outbox/reader.ts',
      'packages/databases/postgres/src/outbox/leases.ts',
    ],
    guide: 'docs/guides/outbox.md',
    tests: [
      'packages/databases/postgres/src/outbox/hidden.test.ts',
      'packages/databases/postgres/src/outbox/relays.test.ts',
      'packages/databases/postgres/src/outbox/horizon.test.ts',
    ],
  },
  D12: {
    state: 'works',
    part: { en: 'PostgreSQL', ko: 'PostgreSQL' },
    code: [
      'packages/databases/postgres/src/log/log.ts',
      'packages/databases/postgres/src/log/relay.ts',
      'packages/databases/postgres/src/log/streaming.ts',
      'packages/databases/postgres/src/log/replication.ts',
      'packages/databases/postgres/src/log/publish.ts',
    ],
    guide: 'docs/guides/log-tailing.md',
    tests: [
      'packages/databases/postgres/src/log/order.test.ts',
      'packages/databases/postgres/src/log/killed.test.ts',
      'packages/databases/postgres/src/log/slots.test.ts',
      'packages/databases/postgres/src/log/backlog.test.ts',
      'packages/databases/postgres/src/log/stopped.test.ts',
      'packages/databases/postgres/src/log/messages.test.ts',
      'packages/databases/postgres/src/log/way.test.ts',
      'packages/databases/postgres/src/log/replication.test.ts',
    ],
  },
  D13: {
    state: 'works',
    code: [
      'packages/dure/src/data/inbox.ts',
      'packages/dure/src/messaging/consumer.ts',
      'packages/dure/src/messaging/retention.ts',
      'packages/databases/postgres/src/inbox.ts',
    ],
    guide: 'docs/guides/inbox.md',
    tests: [
      'packages/dure/src/data/inbox.test.ts',
      'packages/databases/postgres/src/inbox.test.ts',
      'packages/databases/postgres/src/suites18.test.ts',
      'packages/dure/src/messaging/consumer.test.ts',
      'packages/dure/src/messaging/retention.test.ts',
      'packages/tools/cli/src/poison.test.ts',
      'examples/marketplace/checkout.test.ts',
    ],
  },
  D14: {
    state: 'works',
    part: {
      en: 'of every consumer, and so of every copy that events keep; read models as a pattern of their own not yet',
      ko: '소비자마다, 곧 이벤트로 맞추는 사본마다. 독립된 패턴으로서의 읽기 모델은 아직',
    },
    code: ['packages/dure/src/service/lag.ts', 'packages/dure/src/service/readings.ts', 'packages/tools/cli/src/commands/lag.ts'],
    guide: 'docs/guides/dead-letters.md',
    tests: [
      'packages/dure/src/service/lag.test.ts',
      'packages/dure/src/service/readings.test.ts',
      'packages/tools/cli/src/dead.test.ts',
    ],
  },
}
