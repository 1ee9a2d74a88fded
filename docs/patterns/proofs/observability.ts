import type { Proof } from './proof.ts'

/** Observability: rows O. */
export const observability: Readonly<Record<`O${number}`, Proof>> = {
  O1: {
    state: 'works',
    code: [
      'packages/dure/src/service/health.ts',
      'packages/dure/src/service/service-instance.ts',
      'packages/protocols/rest/src/pages.ts',
    ],
    guide: 'docs/guides/chassis.md',
    tests: ['packages/dure/src/service/start.test.ts', 'packages/protocols/rest/src/pages.test.ts'],
  },
  O2: {
    state: 'works',
    part: {
      en: 'lines of all services in one store without a setting; words, levels, services and traces searched, counted, followed; OTLP, _bulk, JSON lines and files come in; a page in the console',
      ko: '설정 없이 모든 서비스의 줄을 한 저장소에. 낱말, 레벨, 서비스, 트레이스로 찾고 세고 따라 읽는다. OTLP, _bulk, JSON 줄, 파일을 받는다. 콘솔에 페이지가 있다',
    },
    code: [
      'packages/platform/collector/src/store/segment.ts',
      'packages/platform/collector/src/store/query.ts',
      'packages/platform/collector/src/operator/logs.ts',
      'packages/platform/collector/src/in/bulk.ts',
      'packages/platform/collector/src/pipeline.ts',
      'packages/dure/src/telemetry/log-tap.ts',
    ],
    guide: 'docs/guides/collector.md',
    tests: [
      'packages/platform/collector/src/store/store.test.ts',
      'packages/platform/collector/src/store/writer.test.ts',
      'packages/platform/collector/src/operator/operator.test.ts',
      'packages/platform/collector/src/in/protocols.test.ts',
      'packages/platform/collector/src/pipeline.test.ts',
      'packages/dure/src/telemetry/log-tap.test.ts',
      'packages/dure/src/telemetry/export/collector.test.ts',
    ],
  },
  O3: {
    state: 'begun',
    part: {
      en: 'W3C context over calls, events and HTTP; a quiet system keeps all, what fails or is slow has the rest of its trace kept; a store, OTLP, a waterfall in the terminal; Zipkin and a console not yet',
      ko: '호출과 이벤트와 HTTP를 지나는 W3C 컨텍스트, 한가한 시스템은 모두 남기고 실패하거나 느린 것은 트레이스의 나머지와 함께 남김, 저장소와 OTLP와 터미널의 폭포 그림. Zipkin과 콘솔은 아직',
    },
    code: [
      'packages/dure/src/telemetry/tracer.ts',
      'packages/dure/src/telemetry/recorder.ts',
      'packages/dure/src/service/process/retained-traces.ts',
      'packages/dure/src/call/tracing.ts',
      'packages/dure/src/telemetry/export/store.ts',
      'packages/dure/src/telemetry/export/otlp.ts',
      'packages/tools/cli/src/waterfall.ts',
      'packages/dure/src/call/fetch.ts',
    ],
    guide: 'docs/guides/tracing.md',
    tests: [
      'packages/dure/src/service/tracing.test.ts',
      'packages/dure/src/telemetry/recorder.test.ts',
      'packages/dure/src/service/recorded.test.ts',
      'packages/dure/src/service/http.test.ts',
      'examples/marketplace/checkout-trace.test.ts',
      'packages/dure/src/service/process/traced.test.ts',
      'packages/dure/src/telemetry/sink.test.ts',
      'packages/dure/src/telemetry/export/store.test.ts',
      'packages/dure/src/telemetry/export/otlp.test.ts',
      'packages/protocols/rest/src/tracing.test.ts',
      'packages/tools/cli/src/trace.test.ts',
      'packages/tools/cli/src/waterfall.test.ts',
      'examples/marketplace/traced.test.ts',
      'packages/dure/src/service/fetch.test.ts',
    ],
  },
  O4: {
    state: 'works',
    part: {
      en: 'exceptions of spans, lines and Sentry’s SDKs in groups, with first and last time and version, and samples; source maps where Node is told of them',
      ko: '스팬과 줄과 Sentry SDK의 예외를 묶음으로, 처음과 마지막 시각과 버전과 표본과 함께. 소스 맵은 Node가 알 때',
    },
    code: [
      'packages/platform/collector/src/exceptions.ts',
      'packages/platform/collector/src/store/numbers.ts',
      'packages/platform/collector/src/operator/exceptions.ts',
      'packages/platform/collector/src/in/sentry.ts',
    ],
    guide: 'docs/guides/collector.md',
    tests: [
      'packages/platform/collector/src/pipeline.test.ts',
      'packages/platform/collector/src/in/protocols.test.ts',
      'packages/platform/collector/src/store/writer.test.ts',
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
      'packages/dure/src/service/noise.test.ts',
    ],
  },
  O6: {
    state: 'works',
    part: {
      en: 'what services write, operators’ acts, sessions, keys and refusals; changed settings not yet',
      ko: '서비스가 쓰는 것, 운영자의 조치, 세션, 키, 거절. 설정 변경은 아직',
    },
    code: [
      'packages/dure/src/telemetry/acts.ts',
      'packages/dure/src/audit/kind.ts',
      'packages/dure/src/audit/merkle.ts',
      'packages/dure/src/audit/verify.ts',
    ],
    guide: 'docs/guides/audit.md',
    tests: [
      'packages/dure/src/audit/audit.test.ts',
      'packages/dure/src/audit/merkle.test.ts',
      'packages/dure/src/audit/checkpoint.test.ts',
      'packages/dure/src/audit/acts.test.ts',
      'packages/dure/src/telemetry/acts.test.ts',
      'packages/tools/cli/src/control/acts.test.ts',
      'packages/databases/postgres/src/suites18.test.ts',
      'packages/tools/cli/src/audit.test.ts',
    ],
  },
  O7: {
    state: 'begun',
    part: {
      en: 'map, traces, logs, metrics, exceptions, events, dead letters, breakers, audit with its proof, and a page of any operator contract; login through a gateway',
      ko: '지도, 트레이스, 로그, 지표, 예외, 이벤트, 데드 레터, 브레이커, 증명이 있는 감사, 모든 운영자 계약의 페이지. 로그인은 게이트웨이로',
    },
    code: [
      'packages/platform/console/src/console.ts',
      'packages/platform/console/src/access.ts',
      'packages/platform/console/client/pages.tsx',
      'packages/platform/console/client/model/columns.ts',
      'packages/platform/console/client/trace/waterfall.tsx',
    ],
    guide: 'docs/guides/console.md',
    tests: [
      'packages/platform/console/src/console.test.ts',
      'packages/platform/console/src/browser.test.ts',
      'packages/platform/console/src/pages.test.ts',
      'packages/platform/console/client/model/columns.test.ts',
    ],
  },
}
