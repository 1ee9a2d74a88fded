import type { Proof } from './proof.ts'

const BROKERS = {
  en: 'embedded broker, Kafka, NATS, Redis, Valkey, RabbitMQ and ActiveMQ',
  ko: '내장 브로커, Kafka, NATS, Redis, Valkey, RabbitMQ, ActiveMQ',
}
/** The suite of brokers on a real server of each kind: topics, queues, requests. */
const ON_SERVERS = [
  'packages/brokers/kafka/src/kafka.conformance.test.ts',
  'packages/brokers/nats/src/nats.conformance.test.ts',
  'packages/brokers/redis/src/redis.conformance.test.ts',
  'packages/brokers/redis/src/valkey.conformance.test.ts',
  'packages/brokers/rabbitmq/src/rabbitmq.conformance.test.ts',
  'packages/brokers/activemq/src/activemq.conformance.test.ts',
  'packages/brokers/activemq/src/artemis.conformance.test.ts',
]

/** Communication: rows C. */
export const communication: Readonly<Record<`C${number}`, Proof>> = {
  C1: {
    state: 'works',
    code: [
      'packages/protocols/rest/src/rest.ts',
      'packages/protocols/rest/src/client/service.ts',
      'packages/protocols/rest/src/mapping.ts',
      'packages/dure/src/contract/openapi.ts',
    ],
    guide: 'docs/guides/rest.md',
    tests: [
      'packages/protocols/rest/src/rest.test.ts',
      'packages/protocols/rest/src/limits.test.ts',
      'packages/protocols/rest/src/ndjson.test.ts',
      'packages/protocols/rest/src/fuzz.test.ts',
      'packages/protocols/rest/src/client/request.test.ts',
      'packages/protocols/rest/src/client/call.test.ts',
      'packages/protocols/rest/src/client/lines.test.ts',
      'packages/protocols/rest/src/client/service.test.ts',
      'packages/protocols/rest/src/client/https.test.ts',
      'packages/protocols/rest/src/client/conformance.test.ts',
      'packages/dure/src/contract/openapi.test.ts',
      'examples/marketplace/main.test.ts',
      'packages/protocols/rest/src/strange.test.ts',
      'packages/protocols/rest/src/document.test.ts',
      'packages/protocols/rest/src/inside.test.ts',
      'checks/judges/judges.long.test.ts',
    ],
  },
  C2: {
    state: 'works',
    code: [
      'packages/protocols/grpc/src/grpc.ts',
      'packages/protocols/grpc/src/protobuf/document.ts',
      'packages/protocols/grpc/src/handlers.ts',
      'packages/dure/src/contract/numbers.ts',
    ],
    guide: 'docs/guides/grpc.md',
    tests: [
      'packages/protocols/grpc/src/grpc.test.ts',
      'packages/protocols/grpc/src/protobuf/codec.test.ts',
      'packages/protocols/grpc/src/hostile.test.ts',
      'packages/protocols/grpc/src/handlers.test.ts',
      'packages/protocols/grpc/src/web.test.ts',
      'packages/dure/src/contract/numbers.test.ts',
    ],
  },
  C3: {
    state: 'works',
    code: [
      'packages/protocols/graphql/src/graphql.ts',
      'packages/protocols/graphql/src/schema.ts',
      'packages/protocols/graphql/src/links.ts',
      'packages/protocols/graphql/src/websocket.ts',
      'packages/protocols/graphql/src/persisted.ts',
      'packages/dure/src/contract/types-of.ts',
    ],
    guide: 'docs/guides/graphql.md',
    tests: [
      'packages/protocols/graphql/src/graphql.test.ts',
      'packages/protocols/graphql/src/hostile.test.ts',
      'packages/protocols/graphql/src/websocket.test.ts',
      'packages/protocols/graphql/src/persisted.test.ts',
      'packages/dure/src/contract/types-of.test.ts',
    ],
  },
  C4: {
    state: 'works',
    code: [
      'packages/protocols/soap/src/soap.ts',
      'packages/protocols/soap/src/wsdl.ts',
      'packages/protocols/soap/src/handlers.ts',
      'packages/protocols/soap/src/mail.ts',
    ],
    guide: 'docs/guides/soap.md',
    tests: [
      'packages/protocols/soap/src/soap.test.ts',
      'packages/protocols/soap/src/values.test.ts',
      'packages/protocols/soap/src/hostile.test.ts',
      'packages/protocols/soap/src/handlers.test.ts',
      'packages/protocols/mail/src/soap.test.ts',
    ],
  },
  C5: {
    state: 'works',
    part: {
      en: 'binary and compact protocol, framed, multiplexed; both ways: a door, and services of others asked',
      ko: 'binary와 compact 프로토콜, framed, multiplexed. 양쪽 모두: 도어, 그리고 남의 서비스에 묻는 핸들러',
    },
    code: [
      'packages/protocols/thrift/src/thrift.ts',
      'packages/protocols/thrift/src/codec.ts',
      'packages/protocols/thrift/src/idl.ts',
      'packages/protocols/thrift/src/client/handlers.ts',
    ],
    guide: 'docs/guides/thrift.md',
    tests: [
      'packages/protocols/thrift/src/thrift.test.ts',
      'packages/protocols/thrift/src/codec.test.ts',
      'packages/protocols/thrift/src/hostile.test.ts',
    ],
  },
  C6: {
    state: 'works',
    code: [
      'packages/protocols/socket/src/socket.ts',
      'packages/protocols/socket/src/session.ts',
      'packages/protocols/socket/src/udp.ts',
      'packages/protocols/socket/src/client/client.ts',
      'packages/platform/gateway/src/proxy/forward.ts',
    ],
    guide: 'docs/guides/sockets.md',
    tests: [
      'packages/protocols/socket/src/socket.test.ts',
      'packages/protocols/socket/src/resume.test.ts',
      'packages/protocols/socket/src/hostile.test.ts',
      'packages/protocols/socket/src/udp.test.ts',
      'packages/protocols/socket/src/client/client.test.ts',
      'examples/chat/chat.long.test.ts',
      'examples/game/game.test.ts',
      'packages/platform/gateway/src/passing.test.ts',
    ],
  },
  C7: {
    state: 'works',
    part: {
      en: `${BROKERS.en}; on RabbitMQ, listeners of Spring AMQP and programs with pika take work and send some`,
      ko: `${BROKERS.ko}. RabbitMQ에서는 Spring AMQP 리스너와 pika 프로그램도 일을 받고 보냄`,
    },
    code: ['packages/dure/src/messaging/queue.ts', 'packages/dure/src/messaging/embedded/queues.ts'],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'packages/dure/src/messaging/embedded/embedded.test.ts',
      'packages/dure/src/messaging/consumer/consumer.test.ts',
      'packages/dure/src/messaging/embedded/clock.test.ts',
      'packages/dure/src/messaging/embedded/bounds.test.ts',
      'packages/tools/simulation/src/queues/queues.test.ts',
      ...ON_SERVERS,
    ],
  },
  C8: {
    state: 'works',
    part: BROKERS,
    code: [
      'packages/dure/src/contract/event.ts',
      'packages/dure/src/messaging/broker.ts',
      'packages/dure/src/messaging/embedded/topics.ts',
      'packages/dure/src/messaging/embedded/groups.ts',
    ],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'packages/dure/src/messaging/embedded/embedded.test.ts',
      'examples/marketplace/checkout.test.ts',
      'examples/marketplace/brokers.long.test.ts',
      'packages/brokers/kafka/src/failures.test.ts',
      'packages/brokers/nats/src/failures.test.ts',
      'packages/brokers/redis/src/redis.faults.test.ts',
      ...ON_SERVERS,
    ],
  },
  C9: {
    state: 'works',
    part: BROKERS,
    code: ['packages/dure/src/contract/request.ts', 'packages/dure/src/service/requests.ts', 'packages/dure/src/tasks/tasks.ts'],
    guide: 'docs/guides/request-reply.md',
    tests: [
      'packages/dure/src/service/requests.test.ts',
      'packages/dure/src/tasks/tasks.test.ts',
      'packages/tools/simulation/src/broken/replies.test.ts',
      'packages/brokers/redis/src/redis.requests.test.ts',
      'packages/brokers/activemq/src/artemis.requests.test.ts',
      'packages/brokers/kafka/src/kafka.conformance.test.ts',
      'packages/brokers/nats/src/nats.conformance.test.ts',
    ],
  },
  C10: {
    state: 'works',
    part: {
      en: 'SMTP both ways; IMAP (IDLE) and POP3 to receive; Dovecot, swaks and Python',
      ko: 'SMTP는 양쪽, 받기는 IMAP(IDLE)과 POP3. Dovecot, swaks, Python으로 확인',
    },
    code: [
      'packages/protocols/mail/src/smtp.ts',
      'packages/protocols/mail/src/send.ts',
      'packages/protocols/mail/src/mailbox.ts',
      'packages/protocols/mail/src/into.ts',
    ],
    guide: 'docs/guides/mail.md',
    tests: [
      'packages/protocols/mail/src/smtp.test.ts',
      'packages/protocols/mail/src/send.test.ts',
      'packages/protocols/mail/src/mailbox.test.ts',
    ],
  },
  C11: {
    state: 'works',
    code: [
      'packages/tools/cli/src/choose/rules.ts',
      'packages/tools/cli/src/choose/styles.ts',
      'packages/tools/cli/src/choose/measure/measure.ts',
    ],
    guide: 'docs/guides/which-protocol.md',
    tests: [
      'packages/tools/cli/src/choose/rules.test.ts',
      'packages/tools/cli/src/choose/command.test.ts',
      'packages/tools/cli/src/choose/measure/measure.test.ts',
    ],
  },
}
