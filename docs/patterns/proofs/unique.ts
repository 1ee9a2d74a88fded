import type { Proof } from './proof.ts'

/** What no peer has, and Dure must: rows U. */
export const unique: Readonly<Record<`U${number}`, Proof>> = {
  U1: {
    state: 'works',
    part: {
      en: 'together, over Unix sockets and TCP, in other processes under the supervisor; in a container not yet',
      ko: '함께, Unix 소켓과 TCP 너머, 수퍼바이저 아래 다른 프로세스들에서. 컨테이너는 아직',
    },
    code: [
      'packages/tools/testing/src/placement/check.ts',
      'packages/tools/testing/src/placement/suite.ts',
      'packages/tools/testing/src/placement/processes.ts',
      'packages/tools/testing/src/placement/hostile.system.test-support.ts',
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
  U2: {
    state: 'works',
    part: {
      en: 'from the command line, and from the console by the page of its contract',
      ko: '명령줄에서, 그리고 콘솔에서는 그 계약의 페이지로',
    },
    code: [
      'packages/dure/src/service/hosted.ts',
      'packages/dure/src/service/regroup.ts',
      'packages/dure/src/service/process/registrations.ts',
      'packages/dure/src/service/supervisor/move.ts',
      'packages/dure/src/service/supervisor/placed.ts',
      'packages/tools/cli/src/commands/place.ts',
      'examples/marketplace/chaos/placing.ts',
    ],
    guide: 'docs/guides/moving.md',
    tests: [
      'packages/dure/src/service/process/moves.test.ts',
      'packages/dure/src/service/process/placed.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'packages/tools/cli/src/dev-place.test.ts',
      'examples/marketplace/chaos/placing.test.ts',
    ],
  },
  U3: {
    state: 'begun',
    part: {
      en: 'what one move is going to cost, from measured calls, and the same measured after it; what to keep together is not said yet',
      ko: '한 번 옮기는 데 무엇이 드는지를 측정한 호출에서 말하고 그 뒤에 다시 잼. 무엇을 함께 둘지는 아직 말하지 않음',
    },
    code: [
      'packages/tools/cli/src/readiness/report.ts',
      'packages/tools/cli/src/readiness/measure.ts',
      'packages/tools/cli/src/readiness/hop.ts',
    ],
    guide: 'docs/guides/moving.md',
    tests: [
      'packages/tools/cli/src/readiness/report.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'packages/dure/src/service/asked.test.ts',
    ],
  },
  U5: {
    state: 'works',
    code: [
      'packages/dure/src/call/client.ts',
      'packages/dure/src/call/fetch.ts',
      'packages/dure/src/call/remote/policy.ts',
      'packages/dure/src/resilience/retry-budget.ts',
      'packages/dure/src/resilience/ejection.ts',
      'packages/dure/src/service/idempotency.ts',
      'packages/tools/cli/src/safety.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/call/call.test.ts',
      'packages/dure/src/service/fetch.test.ts',
      'packages/tools/cli/src/safety.test.ts',
      'packages/dure/src/call/remote/retries.test.ts',
      'packages/dure/src/call/remote/standing.test.ts',
      'packages/dure/src/call/remote/replicas.test.ts',
      'packages/dure/src/resilience/retry-budget.test.ts',
      'packages/dure/src/resilience/ejection.test.ts',
    ],
  },
  U8: {
    state: 'begun',
    part: {
      en: "Eureka's REST interface and Spring Cloud Config's HTTP, both ways; Zipkin v2 in and out, OTLP, Sentry's envelope and Elasticsearch's _bulk in, Prometheus both ways; CloudEvents stand in their own row; the others not yet",
      ko: 'Eureka REST와 Spring Cloud Config HTTP 양쪽. Zipkin v2는 받고 내보내며, OTLP와 Sentry 봉투와 Elasticsearch _bulk는 받고, Prometheus는 양쪽. CloudEvents는 자기 행에 있고, 나머지는 아직',
    },
    code: [
      'packages/platform/registry/src/routes.ts',
      'packages/platform/registry/src/instance.ts',
      'packages/platform/registry/src/xml.ts',
      'packages/platform/registry/src/view.ts',
      'packages/platform/config/src/answers.ts',
      'packages/platform/config/src/spring-config.ts',
      'packages/platform/collector/src/out/zipkin.ts',
      'packages/platform/collector/src/in/otlp.ts',
      'packages/platform/collector/src/in/sentry.ts',
    ],
    guide: 'docs/guides/registry.md',
    tests: [
      'packages/platform/registry/src/rest.test.ts',
      'packages/platform/registry/src/xml.test.ts',
      'packages/platform/registry/src/failing.test.ts',
      'packages/platform/config/src/spring.test.ts',
      'packages/platform/config/src/spring-config.test.ts',
      'packages/platform/collector/src/in/otlp.test.ts',
      'packages/platform/collector/src/in/protocols.test.ts',
    ],
  },
  U9: {
    state: 'begun',
    part: {
      en: 'outbox, inbox and resilience, in Express, Fastify and Nest applications with PostgreSQL; saga, event store and read model in Express; the others as they come',
      ko: 'PostgreSQL을 쓰는 Express, Fastify, Nest 애플리케이션에서 아웃박스, 인박스, 회복탄력성까지, Express에서 사가, 이벤트 저장소, 읽기 모델까지. 나머지는 아직',
    },
    code: [
      'packages/dure/src/resilience/resilient.ts',
      'packages/databases/postgres/src/outbox/outbox.ts',
      'packages/dure/src/data/inbox.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'examples/existing-applications.test.ts',
      'packages/dure/src/resilience/resilient-fetch.test.ts',
      'packages/dure/src/resilience/resilient.test.ts',
    ],
  },
  U10: {
    state: 'works',
    part: {
      en: 'messages come again, recorded answers and their declared errors; stores are made by the project; a provider outside of the system answers by its simulation',
      ko: '메시지와 기록된 답과 선언된 오류를 재생함. 저장소는 프로젝트가 만들고, 시스템 밖의 제공자는 시뮬레이션이 답함',
    },
    code: [
      'packages/dure/src/story/record.ts',
      'packages/tools/simulation/src/story/play.ts',
      'packages/tools/cli/src/commands/story.ts',
    ],
    guide: 'docs/guides/story.md',
    tests: ['packages/tools/cli/src/story.test.ts', 'examples/marketplace/story.test.ts'],
  },
  U13: {
    state: 'begun',
    part: {
      en: 'members of consumer groups, relay lanes, the reader of the log, commands with a key, on PostgreSQL; the supervisor not yet',
      ko: 'PostgreSQL에서 소비자 그룹의 멤버, 릴레이 레인, 로그를 읽는 쪽, 키가 있는 명령. 수퍼바이저는 아직',
    },
    code: [
      'packages/dure/src/data/sql/ownership.ts',
      'packages/dure/src/messaging/consumer/partitions.ts',
      'packages/databases/postgres/src/store/wait-out.ts',
      'packages/dure/src/service/idempotency.ts',
    ],
    guide: 'docs/guides/scaling.md',
    tests: [
      'packages/dure/src/messaging/consumer/copies.test.ts',
      'packages/databases/postgres/src/store/wait-out.test.ts',
      'packages/dure/src/service/idempotency-copies.test.ts',
    ],
  },
  U11: {
    state: 'works',
    part: {
      en: 'processors within 19 % at three loads, and the most that a machine does within 8 %; times of calls hold below saturation only',
      ko: '세 부하에서 프로세서는 19 %, 머신이 할 수 있는 최대는 8 % 안. 호출 시간은 포화 아래에서만 맞는다',
    },
    code: [
      'packages/tools/cli/src/capacity/measurement.ts',
      'packages/tools/cli/src/capacity/model.ts',
      'packages/tools/cli/src/capacity/plan.ts',
      'packages/tools/cli/src/capacity/network.ts',
      'packages/tools/cli/src/capacity/queues.ts',
      'packages/tools/cli/src/capacity/compare.ts',
      'packages/tools/cli/src/commands/plan.ts',
      'bench/capacity/capacity.ts',
    ],
    guide: 'docs/guides/capacity.md',
    tests: [
      'packages/tools/cli/src/capacity/fit.test.ts',
      'packages/tools/cli/src/capacity/queues.test.ts',
      'packages/tools/cli/src/capacity/plan.test.ts',
      'packages/tools/cli/src/capacity/servers.test.ts',
      'packages/tools/cli/src/split.test.ts',
    ],
  },
  U12: {
    state: 'works',
    part: {
      en: 'each service, or named groups, in threads of one process under the same supervisor; doors in its main thread',
      ko: '서비스마다, 또는 이름을 댄 그룹마다 한 프로세스의 스레드를, 같은 수퍼바이저 아래에서. 진입점은 메인 스레드에',
    },
    code: [
      'packages/dure/src/service/placement.ts',
      'packages/dure/src/service/supervisor/thread.ts',
      'packages/tools/cli/src/split.ts',
      'packages/tools/testing/src/placement/processes.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/dure/src/service/supervisor/thread.test.ts',
      'packages/dure/src/service/process/threads.test.ts',
      'packages/tools/testing/src/placement/probes.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'examples/marketplace/split.test.ts',
    ],
  },
  U14: {
    state: 'begun',
    part: {
      en: 'one of two copies killed, frozen, drained, replaced; PostgreSQL away; on one machine',
      ko: '두 복제본 중 하나의 강제 종료, 정지, 드레인, 교체와 PostgreSQL 중단. 한 머신에서',
    },
    code: ['packages/dure/src/call/remote/route.ts', 'packages/dure/src/service/supervisor/supervisor.ts'],
    guide: 'docs/guides/scaling.md',
    tests: ['bench/recovery.long.test.ts', 'packages/dure/src/service/process/copies.test.ts'],
  },
}
