import type { Proof } from './proof.ts'

/** Composition and external API: rows X. */
export const composition: Readonly<Record<`X${number}`, Proof>> = {
  X1: {
    state: 'begun',
    part: {
      en: 'HTTP/1.1 without TLS; routes written down, their instances from the registry; no routes from contracts yet',
      ko: 'TLS 없는 HTTP/1.1. 라우트는 직접 적고 인스턴스는 레지스트리에서. 계약에서 나온 라우트는 아직',
    },
    code: [
      'packages/platform/gateway/src/wire/wire.ts',
      'packages/platform/gateway/src/proxy/proxy.ts',
      'packages/platform/gateway/src/routes/routes.ts',
      'packages/platform/gateway/src/filter.ts',
      'packages/platform/gateway/src/door.ts',
    ],
    guide: 'docs/guides/gateway.md',
    tests: [
      'packages/platform/gateway/src/wire/fuzz.test.ts',
      'packages/platform/gateway/src/proxy/hostile.test.ts',
      'packages/platform/gateway/src/proxy/proxy.test.ts',
      'packages/platform/gateway/src/proxy/failing.test.ts',
      'packages/platform/gateway/src/gateway.test.ts',
      'packages/platform/gateway/src/system.test.ts',
    ],
  },
  X5: {
    state: 'works',
    part: { en: 'in a service; at the gateway not yet', ko: '서비스 안에서. 게이트웨이에서는 아직' },
    code: ['packages/dure/src/query/compose.ts', 'packages/dure/src/query/batch.ts'],
    guide: 'docs/guides/composition.md',
    tests: ['packages/dure/src/query/compose.test.ts', 'examples/marketplace/dashboard.test.ts'],
  },
}
