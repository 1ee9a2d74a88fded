/** The pattern language, row by row: what Dure must do. Which of it works is in proofs.ts. */
export type Section = { readonly title: string; readonly ko: string; readonly rows: readonly Row[] }

export type Row = {
  readonly id: string
  readonly name: string
  /** The term Korean engineers use. */
  readonly ko: string
}

export const sections: readonly Section[] = [
  {
    title: 'Application architecture and decomposition',
    ko: '애플리케이션 아키텍처와 분해',
    rows: [
      { id: 'A1', name: 'monolith first: all services in one process, split later with no code change', ko: '모놀리스 우선' },
      {
        id: 'A2',
        name: 'decompose by business capability and by subdomain: a tool that proposes boundaries from code, data access and measured calls, and says what each cut costs',
        ko: '비즈니스 능력/하위 도메인에 따른 분해',
      },
      {
        id: 'A3',
        name: 'self-contained service; service per team (owner on the contract, shown in catalogue and portal)',
        ko: '자립 서비스, 팀별 서비스',
      },
      {
        id: 'A4',
        name: 'layered and hexagonal architecture (ports and adapters; dependency inversion), scaffolded and checked',
        ko: '레이어드/헥사고날 아키텍처',
      },
      {
        id: 'A5',
        name: 'strangler façade: route by route from an old system to the new, with shadow comparison',
        ko: '스트랭글러',
      },
      {
        id: 'A6',
        name: 'anti-corruption layer; a new service never depends on the monolith (checked), the reverse may',
        ko: '부패 방지 계층',
      },
      {
        id: 'A7',
        name: 'microservice chassis: one place for config, logs, health, metrics, tracing, discovery, resilience',
        ko: '마이크로서비스 섀시',
      },
    ],
  },
  {
    title: 'Communication',
    ko: '통신',
    rows: [
      { id: 'C1', name: 'REST over HTTP, with OpenAPI', ko: 'HTTP/REST' },
      { id: 'C2', name: 'gRPC over HTTP/2 with Protocol Buffers, incl. streaming, reflection, health', ko: 'gRPC' },
      { id: 'C3', name: 'GraphQL', ko: 'GraphQL' },
      { id: 'C4', name: 'SOAP with WSDL', ko: 'SOAP' },
      { id: 'C5', name: 'Thrift with IDL', ko: 'Thrift' },
      { id: 'C6', name: 'sockets: TCP, UDP, WebSocket; real-time chat and game use', ko: '소켓' },
      { id: 'C7', name: 'message queue: point to point, competing consumers (RabbitMQ, Kafka, ActiveMQ)', ko: '메시지 큐' },
      { id: 'C8', name: 'publish/subscribe, event-driven (Kafka, NATS, RabbitMQ)', ko: '발행자-구독자, 이벤트 주도' },
      { id: 'C9', name: 'request/response and notification over messaging', ko: '비동기 요청/응답' },
      { id: 'C10', name: 'domain-specific protocols: SMTP to send, POP3/IMAP to receive', ko: '도메인 특화 프로토콜' },
      {
        id: 'C11',
        name: 'help to choose a style by response time, throughput, complexity, independence, business need',
        ko: '통신 방식 선택 기준',
      },
    ],
  },
  {
    title: 'Connectivity: discovery, reliability, mesh',
    ko: '연결성: 디스커버리, 신뢰성, 메시',
    rows: [
      {
        id: 'N1',
        name: 'service registry with health checks, leases, eviction and recovery (as Eureka)',
        ko: '서비스 레지스트리',
      },
      {
        id: 'N2',
        name: 'self registration; third-party registration (Kubernetes, a registrar watching processes)',
        ko: '자가 등록, 서드파티 등록',
      },
      { id: 'N3', name: 'client-side discovery with load balancing (as Ribbon)', ko: '클라이언트 사이드 디스커버리' },
      {
        id: 'N4',
        name: 'server-side discovery through a router (as Zuul, Kubernetes Service/Ingress)',
        ko: '서버 사이드 디스커버리',
      },
      { id: 'N5', name: 'circuit breaker with threshold, half-open, fallback; live dashboard (as Hystrix)', ko: '서킷 브레이커' },
      { id: 'N6', name: 'timeouts/deadlines, retry, bulkhead, rate limit, load shedding, reconnection', ko: '신뢰성' },
      {
        id: 'N7',
        name: 'service mesh: sidecar data plane, control plane, YAML policy, no application change, any language (as Istio): routing, balancing, retries, faults, traffic split, mTLS, telemetry',
        ko: '서비스 메시',
      },
      { id: 'N8', name: 'secure links between services (mTLS, workload identity)', ko: '보안 연결' },
    ],
  },
  {
    title: 'Composition and external API',
    ko: '조합과 외부 API',
    rows: [
      {
        id: 'X1',
        name: 'API gateway: dynamic routes from the registry, balancing, pre/post/error filters',
        ko: 'API 게이트웨이',
      },
      {
        id: 'X2',
        name: 'gateway security: authentication and authorization with the auth service; access log (who, what, request/response); metrics (error rate, mean and max latency, call rate); tracing; circuit isolation',
        ko: '게이트웨이 기능',
      },
      {
        id: 'X3',
        name: 'protocol translation at the edge (REST to gRPC, GraphQL, SOAP, Thrift, messaging)',
        ko: '프로토콜 변환',
      },
      { id: 'X4', name: 'backend for frontend: one per kind of client, shared auth and logging', ko: 'BFF' },
      { id: 'X5', name: 'API composition (in-memory join, bounded memory, partial failure)', ko: 'API 조합' },
      {
        id: 'X6',
        name: 'API management: publish, discover, subscribe, plans and quotas, keys, analytics, versions, feedback',
        ko: 'API 관리',
      },
      { id: 'X7', name: 'developer portal', ko: '개발자 포털' },
    ],
  },
  {
    title: 'Data',
    ko: '데이터 관리',
    rows: [
      {
        id: 'D1',
        name: "database per service, reached only through the service's interface (enforced); any store per service",
        ko: '서비스별 데이터베이스',
      },
      { id: 'D2', name: 'shared database, as the documented exception', ko: '공유 데이터베이스' },
      { id: 'D3', name: 'local transactions', ko: '로컬 트랜잭션' },
      { id: 'D4', name: 'saga, orchestrated: orchestrator, request/reply, compensation in reverse', ko: '오케스트레이션 사가' },
      { id: 'D5', name: 'saga, choreographed, **and** its whole path visible while it runs', ko: '코레오그래피 사가' },
      { id: 'D6', name: 'two-phase commit, as the measured contrast (locks, blocked coordinator)', ko: '2단계 커밋' },
      { id: 'D7', name: 'aggregate; domain event', ko: '애그리거트, 도메인 이벤트' },
      { id: 'D8', name: 'event sourcing: append-only store, rebuild, snapshots, the store also publishes', ko: '이벤트 소싱' },
      {
        id: 'D9',
        name: 'CQRS: separate read store kept in step by events, rebuilt without downtime; keeps answering when the write side is down',
        ko: 'CQRS',
      },
      { id: 'D10', name: 'transactional outbox, normal and failure path', ko: '트랜잭셔널 아웃박스' },
      { id: 'D11', name: 'polling publisher', ko: '폴링 퍼블리셔' },
      { id: 'D12', name: 'transaction log tailing (no outbox table), a miner per DBMS', ko: '트랜잭션 로그 테일링' },
      { id: 'D13', name: 'idempotent consumer (inbox)', ko: '멱등 소비자' },
      { id: 'D14', name: 'eventual consistency made visible: lag per consumer and per read model', ko: '결과적 일관성' },
      {
        id: 'D15',
        name: 'session state: persisted session, sticky session, state service (Redis, Memcached)',
        ko: '세션 정보 유지',
      },
      {
        id: 'D16',
        name: 'keyed operations: one writer per key over all copies, state kept warm, put away when idle, fenced',
        ko: '키별 단일 기록자',
      },
      {
        id: 'D17',
        name: 'durable timers, waits, signals and human decisions in a saga',
        ko: '내구성 타이머와 대기',
      },
      {
        id: 'D18',
        name: 'sagas that outlive a deploy: changed code is compared with running instances before it starts',
        ko: '실행 중 사가의 코드 변경 검사',
      },
      {
        id: 'D19',
        name: 'retention of outbox, inbox, sagas, keys and letters, bounded by default',
        ko: '보존 기간',
      },
    ],
  },
  {
    title: 'Events and streams',
    ko: '이벤트 주도와 스트림 프로세싱',
    rows: [
      {
        id: 'E1',
        name: 'delivery semantics (at most / at least / effectively once), ordering per key, dead letters, replay',
        ko: '딜리버리 시맨틱, 신뢰성',
      },
      { id: 'E2', name: 'event schemas: registry, compatibility, evolution', ko: '이벤트 스키마' },
      { id: 'E3', name: 'brokers: embedded; RabbitMQ; Kafka; ActiveMQ; NATS; Redis', ko: '메시지 브로커' },
      { id: 'E4', name: 'stream processing: related events over time, state, windows, joins, late data', ko: '스트림 프로세싱' },
      {
        id: 'E5',
        name: 'streams scale out and recover: partitions, state moved and restored, parallelism',
        ko: '확장성, 동시성',
      },
      {
        id: 'E6',
        name: 'delayed delivery and schedules that run once in the whole system (cron, skipped when late, no overlap)',
        ko: '지연 전달, 단일 스케줄',
      },
    ],
  },
  {
    title: 'Security and configuration',
    ko: '보안과 구성',
    rows: [
      { id: 'S1', name: 'access token (JWT)', ko: '액세스 토큰' },
      { id: 'S2', name: 'central session store (Redis, Memcached)', ko: '중앙집중식 세션' },
      { id: 'S3', name: 'client token', ko: '클라이언트 토큰' },
      { id: 'S4', name: 'gateway with an auth service that issues the token services check', ko: 'API 게이트웨이 + 인증 서비스' },
      { id: 'S5', name: 'roles and authorization per operation', ko: '인가' },
      {
        id: 'S6',
        name: 'externalized configuration: central store, per environment, changed live without redeploy (as Spring Cloud Config, ConfigMap), secrets',
        ko: '외부화 구성 저장소',
      },
    ],
  },
  {
    title: 'Observability',
    ko: '관측성',
    rows: [
      { id: 'O1', name: 'health check API', ko: '헬스 체크 API' },
      { id: 'O2', name: 'log aggregation: collect, transform, search, visualize (as ELK)', ko: '로그 수집' },
      { id: 'O3', name: 'distributed tracing (as Zipkin)', ko: '분산 추적' },
      { id: 'O4', name: 'exception tracking', ko: '예외 추적' },
      { id: 'O5', name: 'application metrics', ko: '애플리케이션 지표' },
      { id: 'O6', name: 'audit log, tamper-evident', ko: '감사 로깅' },
      { id: 'O7', name: 'one console over all of it, in real time', ko: '모니터링' },
    ],
  },
  {
    title: 'Tests and deployment',
    ko: '테스트와 배포',
    rows: [
      { id: 'T1', name: 'consumer-driven contract test; consumer-side contract test', ko: '소비자 주도/소비자 쪽 계약 테스트' },
      { id: 'T2', name: 'service component test', ko: '서비스 컴포넌트 테스트' },
      { id: 'P1', name: 'several services per host', ko: '호스트별 다중 서비스' },
      { id: 'P2', name: 'one service per host; service per VM', ko: '호스트별 단일 서비스, VM별 서비스' },
      { id: 'P3', name: 'service per container; orchestrated (Kubernetes)', ko: '컨테이너별 서비스' },
      { id: 'P4', name: 'serverless', ko: '서버리스' },
      { id: 'P5', name: 'service deployment platform: deploy, scale, roll back, automatically', ko: '서비스 배포 플랫폼' },
      {
        id: 'P6',
        name: 'rolling replacement with old and new versions side by side, no failed call, bounded pause',
        ko: '무중단 롤링 교체',
      },
    ],
  },
  {
    title: 'What no peer has, and Dure must',
    ko: '다른 곳에 없고 두레에는 있어야 하는 것',
    rows: [
      {
        id: 'U1',
        name: 'placement equivalence: one suite proves that a service answers the same in one process, over a socket, in a container (values, errors, deadlines, cancellation, order); users run it on their own services',
        ko: '배치 동등성: 하나의 시험 모음이, 같은 프로세스든 소켓 너머든 컨테이너든 서비스가 똑같이 답한다는 것을 보인다(값, 오류, 데드라인, 취소, 순서). 사용자도 자기 서비스에 돌린다',
      },
      {
        id: 'U2',
        name: 'live re-placement: split a service out, or bring it back, under load, no failed call, from the console',
        ko: '실시간 재배치: 부하 중에 서비스를 떼어 내거나 되돌린다. 실패한 호출 없이, 콘솔에서',
      },
      {
        id: 'U3',
        name: 'placement advisor: measured calls say what to keep together, what a split will cost, and are checked afterwards',
        ko: '배치 조언: 측정한 호출로 무엇을 함께 둘지, 떼어 내면 무엇이 드는지 말하고 나중에 확인한다',
      },
      {
        id: 'U4',
        name: 'deterministic simulation of the whole system: every fault replayable from a seed',
        ko: '시스템 전체의 결정적 시뮬레이션: 모든 장애를 시드 하나로 다시 재현한다',
      },
      {
        id: 'U5',
        name: 'safe by default: every call has a shrinking deadline, a retry budget, an ejection rule; idempotency is declared',
        ko: '기본이 안전: 모든 호출에 줄어드는 데드라인, 재시도 예산, 퇴출 규칙이 있고 멱등성은 선언한다',
      },
      {
        id: 'U6',
        name: "one contract gives types, validation, clients, all seven protocols' documents, contract tests, a breaking-change gate and a portal page",
        ko: '계약 하나에서 타입, 검증, 클라이언트, 일곱 프로토콜의 문서, 계약 테스트, 호환성 관문, 포털 페이지가 나온다',
      },
      {
        id: 'U7',
        name: 'the catalogue is executable: each pattern links to the code that implements it, the test that breaks it, and a check that tells you when your system needs it',
        ko: '실행되는 카탈로그: 각 패턴이 구현 코드, 그것을 깨뜨리는 테스트, 언제 필요한지 알려 주는 점검으로 이어진다',
      },
      {
        id: 'U8',
        name: "speaks the existing stack's own wire formats, so that services in other languages join as they are: Eureka REST, Spring Cloud Config HTTP, Zipkin v2, OTLP, Prometheus, CloudEvents, xDS",
        ko: '기존 스택의 전송 형식을 그대로 말한다: Eureka REST, Spring Cloud Config HTTP, Zipkin v2, OTLP, Prometheus, CloudEvents, xDS. 다른 언어의 서비스가 그대로 참여한다',
      },
      {
        id: 'U9',
        name: 'adopted piece by piece: each pattern alone in an existing Express, Fastify or Nest application',
        ko: '조금씩 도입: 각 패턴을 기존 Express, Fastify, Nest 애플리케이션에서 따로 쓴다',
      },
      {
        id: 'U10',
        name: 'an incident becomes a test: the story of one operation in production is exported (secrets gone) and played in the simulator against the code until it fails the same way',
        ko: '장애가 테스트가 된다: 운영에서 한 작업에 일어난 일을 비밀을 빼고 내보내, 같은 방식으로 실패할 때까지 시뮬레이터에서 코드에 대고 재생한다',
      },
      {
        id: 'U11',
        name: 'scale on paper that is checked: from measured costs, how many copies, partitions and database cores a load a thousand times larger needs and what saturates first; the model compared with what was really driven',
        ko: '검증되는 규모 계산: 측정한 비용으로, 천 배 큰 부하에 복제본, 파티션, 데이터베이스 코어가 얼마나 필요하고 무엇이 먼저 포화되는지 말하고, 실제로 건 부하와 비교한다',
      },
      {
        id: 'U12',
        name: 'a blocked service freezes no other: worker threads as a placement between together and split, with the same answers',
        ko: '막힌 서비스가 다른 서비스를 멈추지 않는다: 같은 답을 내는, 함께와 분리 사이의 배치인 워커 스레드',
      },
      {
        id: 'U13',
        name: 'no zombie commits: every leased role stopped and continued, and nothing of the past is written',
        ko: '좀비 커밋 없음: 리스를 가진 모든 역할을 멈췄다가 다시 이어도 지난 것은 아무것도 쓰이지 않는다',
      },
      {
        id: 'U14',
        name: 'bounded recovery: the longest pause a caller sees, for each fault, is a published, tested number',
        ko: '한정된 복구: 장애마다 호출자가 겪는 가장 긴 멈춤이 공개되고 시험되는 수치다',
      },
    ],
  },
]
