import type { Proof } from './proof.ts'

/** Events and streams: rows E. */
export const events: Readonly<Record<`E${number}`, Proof>> = {
  E1: {
    state: 'works',
    part: {
      en: 'at least and effectively once, order, dead letters, replay, on the embedded broker, Kafka, NATS and Redis; at most once is not offered',
      ko: '내장 브로커, Kafka, NATS, Redis에서 적어도 한 번, 사실상 한 번, 순서, 데드 레터, 재생. 많아야 한 번은 제공하지 않음',
    },
    code: [
      'packages/dure/src/messaging/consumer/consumer.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.ts',
      'packages/tools/cli/src/commands/dead/dead.ts',
    ],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/consumer/consumer.test.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.test.ts',
      'packages/tools/cli/src/dead.test.ts',
      'packages/tools/cli/src/poison.test.ts',
      'packages/dure/src/messaging/consumer/crash.test.ts',
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'examples/marketplace/chaos/chaos.test.ts',
      'packages/dure/src/messaging/aside.test.ts',
      'packages/dure/src/messaging/consumer/foreign.test.ts',
      'packages/brokers/kafka/src/shop.test.ts',
      'packages/brokers/nats/src/shop.test.ts',
      'packages/brokers/redis/src/shop.test.ts',
    ],
  },
  E2: {
    state: 'works',
    part: {
      en: 'JSON Schema and Avro; Protobuf is not there',
      ko: 'JSON Schema와 Avro. Protobuf는 없음',
    },
    code: [
      'packages/platform/registry-schemas/src/registry.ts',
      'packages/platform/registry-schemas/src/events.ts',
      'packages/platform/registry-schemas/src/wire-format.ts',
      'packages/dure/src/contract/compat.ts',
      'packages/tools/cli/src/commands/schemas.ts',
    ],
    guide: 'docs/guides/schemas.md',
    tests: [
      'packages/platform/registry-schemas/src/rest.test.ts',
      'packages/platform/registry-schemas/src/events.test.ts',
      'packages/platform/registry-schemas/src/killed.test.ts',
      'packages/platform/registry-schemas/src/avro.test.ts',
      'packages/dure/src/contract/plain-schema.test.ts',
      'packages/tools/cli/src/schemas.test.ts',
    ],
  },
  E3: {
    state: 'begun',
    part: {
      en: 'embedded, Kafka, NATS, Redis and Valkey; RabbitMQ and ActiveMQ not yet',
      ko: '내장 브로커, Kafka, NATS, Redis, Valkey. RabbitMQ와 ActiveMQ는 아직',
    },
    code: [
      'packages/dure/src/messaging/adapter.ts',
      'packages/brokers/kafka/src/kafka.ts',
      'packages/brokers/nats/src/nats.ts',
      'packages/brokers/redis/src/redis.ts',
      'packages/tools/testing/src/servers/servers.ts',
    ],
    guide: 'docs/guides/kafka.md',
    tests: [
      'packages/brokers/kafka/src/kafka.conformance.test.ts',
      'packages/brokers/kafka/src/processes.conformance.test.ts',
      'packages/brokers/kafka/src/failures.test.ts',
      'packages/brokers/kafka/src/refusals.test.ts',
      'packages/brokers/nats/src/nats.conformance.test.ts',
      'packages/brokers/nats/src/failures.test.ts',
      'packages/brokers/nats/src/cluster.test.ts',
      'packages/brokers/nats/src/refusals.test.ts',
      'packages/brokers/redis/src/redis.conformance.test.ts',
      'packages/brokers/redis/src/redis.faults.test.ts',
      'packages/brokers/redis/src/valkey.conformance.test.ts',
      'packages/tools/simulation/src/broken/adapters.test.ts',
      'examples/marketplace/brokers.test.ts',
    ],
  },
  E6: {
    state: 'works',
    code: [
      'packages/dure/src/schedule/schedule.ts',
      'packages/dure/src/schedule/records.ts',
      'packages/dure/src/schedule/work.ts',
      'packages/dure/src/schedule/cron.ts',
      'packages/tools/cli/src/commands/schedule.ts',
    ],
    guide: 'docs/guides/schedule.md',
    tests: [
      'packages/dure/src/schedule/schedule.test.ts',
      'packages/tools/simulation/src/broken/bells.test.ts',
      'packages/dure/src/schedule/cron.test.ts',
      'packages/databases/postgres/src/schedules.test.ts',
      'packages/tools/cli/src/schedule.test.ts',
    ],
  },
}
