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
}
