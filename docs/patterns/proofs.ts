/**
 * What stands behind a row of the pattern language. A row works when a user can start it, see it and test it: it
 * then links its code, its guide and the tests that break it. A row that is begun links what is there so far. A row
 * that is not here does not work yet, and its page says so.
 *
 * After a change: `npm run docs:patterns`. A test holds the links and the pages to it.
 */
export type Proof = {
  readonly state: 'works' | 'begun'
  /** What of the row is meant, when it is not all of it. */
  readonly part?: { readonly en: string; readonly ko: string }
  /** Paths from the root of the repository. */
  readonly code: readonly string[]
  readonly guide?: string
  /** Tests that show the failure as well as the success. */
  readonly tests: readonly string[]
}

const EMBEDDED = { en: 'embedded broker; others not yet', ko: '내장 브로커, 다른 브로커는 아직' }
const SQLITE = { en: 'SQLite; PostgreSQL not yet', ko: 'SQLite, PostgreSQL은 아직' }

export const proofs: Readonly<Record<string, Proof>> = {
  A1: {
    state: 'works',
    part: {
      en: 'split over the processes of one machine; over several not yet',
      ko: '한 머신의 여러 프로세스까지, 여러 머신은 아직',
    },
    code: [
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/placement.ts',
      'packages/dure/src/service/part/part.ts',
      'packages/dure/src/call/local.ts',
      'packages/dure/src/call/remote/remote.ts',
      'packages/tools/cli/src/split.ts',
      'examples/marketplace/system.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/service/part/processes.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'examples/marketplace/main.test.ts',
      'examples/marketplace/split.test.ts',
      'examples/marketplace/placement.test.ts',
      'examples/marketplace/chaos/chaos.test.ts',
      'examples/marketplace/chaos/split-storm.test.ts',
    ],
  },
  A4: {
    state: 'begun',
    part: { en: 'checked; scaffolding not yet', ko: '점검까지, 스캐폴딩은 아직' },
    code: [
      'checks/layering/services.ts',
      'examples/marketplace/services/stock/domain/reservation.ts',
      'examples/marketplace/services/payment/domain/provider.ts',
      'examples/marketplace/services/payment/adapters/http-provider.ts',
    ],
    guide: 'docs/guides/hexagonal.md',
    tests: [
      'checks/layering/layering.test.ts',
      'examples/marketplace/services/stock/domain/reservation.test.ts',
      'docs/guides/guides.test.ts',
    ],
  },
  A7: {
    state: 'begun',
    part: {
      en: 'lifecycle, health, logs, metrics, traces, deadlines, idempotency, and between processes discovery and resilience; configuration not yet',
      ko: '수명 주기, 상태, 로그, 지표, 추적, 데드라인, 멱등성, 프로세스 사이의 디스커버리와 회복탄력성까지. 구성은 아직',
    },
    code: [
      'packages/dure/src/service/service.ts',
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/unit.ts',
      'packages/dure/src/service/idempotency.ts',
    ],
    guide: 'docs/guides/chassis.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/call/call.test.ts',
      'packages/dure/src/telemetry/log.test.ts',
    ],
  },
  C1: {
    state: 'works',
    code: ['packages/protocols/rest/src/rest.ts', 'packages/dure/src/contract/openapi.ts'],
    guide: 'docs/guides/rest.md',
    tests: [
      'packages/protocols/rest/src/rest.test.ts',
      'packages/protocols/rest/src/limits.test.ts',
      'packages/protocols/rest/src/ndjson.test.ts',
      'packages/protocols/rest/src/fuzz.test.ts',
      'packages/dure/src/contract/openapi.test.ts',
      'examples/marketplace/main.test.ts',
    ],
  },
  C7: {
    state: 'works',
    part: EMBEDDED,
    code: ['packages/dure/src/messaging/queue.ts', 'packages/dure/src/messaging/embedded/queues.ts'],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'packages/dure/src/messaging/embedded/embedded.test.ts',
      'packages/dure/src/messaging/consumer.test.ts',
    ],
  },
  C8: {
    state: 'works',
    part: EMBEDDED,
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
    ],
  },
  D1: {
    state: 'works',
    part: SQLITE,
    code: [
      'packages/dure/src/data/database.ts',
      'packages/dure/src/data/sqlite/sqlite.ts',
      'packages/dure/src/service/own-data.ts',
      'checks/layering/services.ts',
    ],
    guide: 'docs/guides/data.md',
    tests: [
      'packages/dure/src/data/sqlite/conformance.test.ts',
      'packages/dure/src/data/sqlite/sqlite.test.ts',
      'checks/layering/layering.test.ts',
    ],
  },
  D3: {
    state: 'works',
    part: SQLITE,
    code: ['packages/dure/src/data/bind.ts', 'packages/dure/src/data/sqlite/writer.ts'],
    guide: 'docs/guides/data.md',
    tests: ['packages/dure/src/data/sqlite/conformance.test.ts', 'packages/dure/src/data/sqlite/writer.test.ts'],
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
  E1: {
    state: 'works',
    part: {
      en: 'at least and effectively once, order, dead letters, replay, on the embedded broker; at most once is not offered',
      ko: '내장 브로커에서 적어도 한 번, 사실상 한 번, 순서, 데드 레터, 재생. 많아야 한 번은 제공하지 않음',
    },
    code: [
      'packages/dure/src/messaging/consumer.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.ts',
      'packages/tools/cli/src/commands/dead/dead.ts',
    ],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/consumer.test.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.test.ts',
      'packages/tools/cli/src/dead.test.ts',
      'packages/tools/cli/src/poison.test.ts',
      'packages/dure/src/messaging/crash.test.ts',
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'examples/marketplace/chaos/chaos.test.ts',
    ],
  },
  N5: {
    state: 'begun',
    part: {
      en: 'instances that fail or stall are left out and probed back; fallback and dashboard not yet',
      ko: '실패하거나 멈춰 선 인스턴스를 빼고 탐침으로 되돌림, 폴백과 대시보드는 아직',
    },
    code: ['packages/dure/src/resilience/ejection.ts', 'packages/dure/src/call/remote/pool.ts'],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/resilience/ejection.test.ts',
      'packages/dure/src/call/remote/standing.test.ts',
      'packages/dure/src/call/remote/replicas.test.ts',
      'packages/dure/src/call/remote/remote.test.ts',
    ],
  },
  N6: {
    state: 'begun',
    part: {
      en: 'deadlines, retry under a budget, bulkhead, shedding, reconnection between processes; rate limit not yet',
      ko: '프로세스 사이의 데드라인, 예산 안의 재시도, 벌크헤드, 부하 차단, 재연결. 속도 제한은 아직',
    },
    code: [
      'packages/dure/src/resilience/retry-budget.ts',
      'packages/dure/src/resilience/bulkhead.ts',
      'packages/dure/src/call/gate.ts',
      'packages/dure/src/call/remote/route.ts',
      'packages/dure/src/call/socket/peers.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/resilience/retry-budget.test.ts',
      'packages/dure/src/resilience/bulkhead.test.ts',
      'packages/dure/src/call/remote/retries.test.ts',
      'packages/dure/src/call/remote/remote.test.ts',
      'packages/dure/src/call/remote/replicas.test.ts',
      'packages/dure/src/call/socket/failing.test.ts',
      'packages/dure/src/call/socket/stall.test.ts',
    ],
  },
  N8: {
    state: 'begun',
    part: {
      en: 'TLS and mutual TLS of the socket transport; identities, their rotation and whom they may call not yet',
      ko: '소켓 전송의 TLS와 상호 TLS까지. 워크로드 신원과 그 교체, 호출 권한은 아직',
    },
    code: ['packages/dure/src/call/socket/address.ts', 'packages/dure/src/call/socket/listen.ts'],
    guide: 'docs/guides/resilience.md',
    tests: ['packages/dure/src/call/socket/tls.test.ts'],
  },
  O1: {
    state: 'works',
    code: ['packages/dure/src/service/health.ts', 'packages/dure/src/service/unit.ts', 'packages/protocols/rest/src/pages.ts'],
    guide: 'docs/guides/chassis.md',
    tests: ['packages/dure/src/service/start.test.ts', 'packages/protocols/rest/src/pages.test.ts'],
  },
  O3: {
    state: 'begun',
    part: {
      en: 'W3C context over calls, events and HTTP; head sampling, failures kept; a store, OTLP, a waterfall in the terminal; Zipkin and a console not yet',
      ko: '호출과 이벤트와 HTTP를 지나는 W3C 컨텍스트, 처음에 정하는 표본과 남는 실패, 저장소와 OTLP와 터미널의 폭포 그림. Zipkin과 콘솔은 아직',
    },
    code: [
      'packages/dure/src/telemetry/tracer.ts',
      'packages/dure/src/call/tracing.ts',
      'packages/dure/src/telemetry/export/store.ts',
      'packages/dure/src/telemetry/export/otlp.ts',
      'packages/tools/cli/src/waterfall.ts',
    ],
    guide: 'docs/guides/telemetry.md',
    tests: [
      'packages/dure/src/service/tracing.test.ts',
      'packages/dure/src/service/part/traced.test.ts',
      'packages/dure/src/telemetry/sink.test.ts',
      'packages/dure/src/telemetry/export/store.test.ts',
      'packages/dure/src/telemetry/export/otlp.test.ts',
      'packages/protocols/rest/src/tracing.test.ts',
      'packages/tools/cli/src/trace.test.ts',
      'packages/tools/cli/src/waterfall.test.ts',
      'examples/marketplace/traced.test.ts',
    ],
  },
  O5: {
    state: 'begun',
    part: {
      en: 'rate, errors and duration of operations, lag, outboxes; Prometheus and OTLP; metrics of an application’s own not yet',
      ko: '오퍼레이션의 비율과 오류와 시간, 지연, 아웃박스를 프로메테우스와 OTLP로. 애플리케이션 고유의 지표는 아직',
    },
    code: [
      'packages/dure/src/telemetry/metrics.ts',
      'packages/dure/src/telemetry/prometheus.ts',
      'packages/dure/src/telemetry/export/otlp.ts',
      'packages/dure/src/service/readings.ts',
    ],
    guide: 'docs/guides/telemetry.md',
    tests: [
      'packages/dure/src/telemetry/prometheus.test.ts',
      'packages/dure/src/telemetry/histogram.test.ts',
      'packages/dure/src/telemetry/export/otlp.test.ts',
      'packages/protocols/rest/src/tracing.test.ts',
    ],
  },
  P1: {
    state: 'works',
    part: {
      en: 'in one process, or each in its own under a supervisor',
      ko: '한 프로세스에서, 또는 수퍼바이저 아래 각자의 프로세스에서',
    },
    code: [
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/supervisor/supervisor.ts',
      'packages/dure/src/discovery/embedded/embedded.ts',
      'examples/marketplace/system.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/service/supervisor/supervisor.test.ts',
      'packages/dure/src/discovery/embedded/embedded.test.ts',
      'examples/marketplace/main.test.ts',
      'examples/marketplace/split.test.ts',
    ],
  },
  P2: {
    state: 'begun',
    part: {
      en: 'one service a process, started by itself beside others of the machine; other hosts and virtual machines not yet',
      ko: '서비스마다 프로세스 하나, 한 머신의 다른 것들 곁에서 따로 시작하는 것까지. 다른 호스트와 VM은 아직',
    },
    code: [
      'packages/tools/cli/src/commands/start.ts',
      'packages/dure/src/service/part/part.ts',
      'packages/dure/src/call/socket/socket.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/tools/cli/src/split.test.ts',
      'packages/dure/src/service/part/part.test.ts',
      'packages/dure/src/service/part/processes.test.ts',
    ],
  },
  U1: {
    state: 'works',
    part: {
      en: 'together, over Unix sockets and TCP, in other processes under the supervisor; in a container not yet',
      ko: '함께, Unix 소켓과 TCP 너머, 수퍼바이저 아래 다른 프로세스들에서. 컨테이너는 아직',
    },
    code: [
      'packages/tools/testing/src/placement/check.ts',
      'packages/tools/testing/src/placement/suite.ts',
      'packages/tools/testing/src/placement/split.ts',
      'packages/tools/testing/src/placement/hostile.system.ts',
      'packages/tools/cli/src/commands/check.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/tools/testing/src/placement/placement.test.ts',
      'packages/tools/testing/src/placement/suite.test.ts',
      'packages/tools/testing/src/arbitrary/arbitrary.test.ts',
      'packages/tools/cli/src/check.test.ts',
      'packages/dure/src/call/socket/conformance.test.ts',
      'examples/marketplace/placement.test.ts',
    ],
  },
  U5: {
    state: 'begun',
    part: {
      en: 'between services: on without being asked for; calls to the outside world, and limits by rate, not yet',
      ko: '서비스 사이에서는 요청하지 않아도 켜져 있음. 바깥 세계를 향한 호출과 속도에 따른 제한은 아직',
    },
    code: [
      'packages/dure/src/call/client.ts',
      'packages/dure/src/call/remote/policy.ts',
      'packages/dure/src/resilience/retry-budget.ts',
      'packages/dure/src/resilience/ejection.ts',
      'packages/dure/src/service/idempotency.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/call/call.test.ts',
      'packages/dure/src/call/remote/retries.test.ts',
      'packages/dure/src/call/remote/standing.test.ts',
      'packages/dure/src/call/remote/replicas.test.ts',
      'packages/dure/src/resilience/retry-budget.test.ts',
      'packages/dure/src/resilience/ejection.test.ts',
    ],
  },
}
