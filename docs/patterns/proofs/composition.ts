import type { Proof } from './proof.ts'

/** Composition and external API: rows X. */
export const composition: Readonly<Record<`X${number}`, Proof>> = {
  X1: {
    state: 'works',
    part: {
      en: 'HTTP/1.1, HTTP/2 and TLS; routes from contracts, files and Ingress documents, their instances from the registry',
      ko: 'HTTP/1.1, HTTP/2, TLS. 라우트는 계약, 파일, Ingress 문서에서, 인스턴스는 레지스트리에서',
    },
    code: [
      'packages/platform/gateway/src/wire/wire.ts',
      'packages/platform/gateway/src/proxy/proxy.ts',
      'packages/platform/gateway/src/http2/http2.ts',
      'packages/platform/gateway/src/tls/tls.ts',
      'packages/platform/gateway/src/routes/routes.ts',
      'packages/platform/gateway/src/contracts.ts',
      'packages/platform/gateway/src/filter.ts',
      'packages/platform/gateway/src/filters/cache.ts',
      'packages/platform/gateway/src/filters/compress.ts',
      'packages/platform/gateway/src/filters/shadow.ts',
      'packages/platform/gateway/src/door.ts',
    ],
    guide: 'docs/guides/gateway.md',
    tests: [
      'packages/platform/gateway/src/wire/fuzz.test.ts',
      'packages/platform/gateway/src/proxy/hostile.test.ts',
      'packages/platform/gateway/src/proxy/proxy.test.ts',
      'packages/platform/gateway/src/proxy/failing.test.ts',
      'packages/platform/gateway/src/http2/http2.test.ts',
      'packages/platform/gateway/src/http2/abuse.test.ts',
      'packages/platform/gateway/src/tls/tls.test.ts',
      'packages/platform/gateway/src/gateway.test.ts',
      'packages/platform/gateway/src/contracts.test.ts',
      'packages/platform/gateway/src/filters/cache.test.ts',
      'packages/platform/gateway/src/filters/compress.test.ts',
      'packages/platform/gateway/src/filters/shadow.test.ts',
      'packages/platform/gateway/src/system.test.ts',
      'packages/tools/cli/src/gateway.test.ts',
    ],
  },
  X2: {
    state: 'begun',
    part: {
      en: 'who asks by API keys or a function, the access log, metrics of each consumer, traces, isolation by breakers; no login yet',
      ko: 'API 키나 함수로 아는 호출자, 접근 로그, 소비자마다의 메트릭, 추적, 브레이커로 격리. 로그인은 아직',
    },
    code: [
      'packages/platform/gateway/src/filters/consumers.ts',
      'packages/platform/gateway/src/seen.ts',
      'packages/platform/gateway/src/counts.ts',
      'packages/platform/gateway/src/begin.ts',
    ],
    guide: 'docs/guides/gateway.md',
    tests: ['examples/marketplace/frontends-seen.test.ts', 'packages/platform/gateway/src/gateway.test.ts'],
  },
  X4: {
    state: 'works',
    code: [
      'examples/marketplace/frontends.ts',
      'examples/marketplace/services/web/service.ts',
      'examples/marketplace/services/mobile/service.ts',
      'packages/protocols/rest/src/rest.ts',
      'packages/platform/gateway/src/door.ts',
    ],
    guide: 'docs/guides/bff.md',
    tests: ['examples/marketplace/frontends.test.ts', 'examples/marketplace/frontends-seen.test.ts'],
  },
  X5: {
    state: 'works',
    code: [
      'packages/dure/src/query/compose.ts',
      'packages/dure/src/query/part.ts',
      'packages/dure/src/query/batch.ts',
      'examples/marketplace/services/mobile/service.ts',
    ],
    guide: 'docs/guides/composition.md',
    tests: [
      'packages/dure/src/query/compose.test.ts',
      'packages/tools/simulation/src/composed/board.test.ts',
      'examples/marketplace/simulation/simulation.test.ts',
      'examples/marketplace/dashboard.test.ts',
      'examples/marketplace/frontends.test.ts',
    ],
  },
}
