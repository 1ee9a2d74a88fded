import type { Proof } from './proof.ts'

/** Connectivity (discovery, reliability, secure links): rows N. */
export const connectivity: Readonly<Record<`N${number}`, Proof>> = {
  N1: {
    state: 'works',
    part: {
      en: 'leases, eviction, restarts without loss, push, health asked by the registry or a registrar; no replication between registries of its own; etcd',
      ko: '리스, 축출, 잃지 않는 재시작, 변경 푸시, 레지스트리나 등록기의 상태 검사. 자체 레지스트리끼리의 복제는 없음. etcd',
    },
    code: [
      'packages/platform/registry/src/leases.ts',
      'packages/platform/registry/src/expiry.ts',
      'packages/platform/registry/src/eureka.ts',
      'packages/registries/etcd/src/keys.ts',
      'packages/dure/src/discovery/registry.ts',
    ],
    guide: 'docs/guides/registry.md',
    tests: [
      'packages/platform/registry/src/leases.test.ts',
      'packages/platform/registry/src/failing.test.ts',
      'packages/platform/registry/src/conformance.test.ts',
      'packages/registries/etcd/src/failing.test.ts',
      'packages/registries/etcd/src/compaction.test.ts',
      'packages/platform/registry/src/health.test.ts',
      'packages/tools/cli/src/registry.test.ts',
    ],
  },
  N2: {
    state: 'begun',
    part: {
      en: 'services register themselves, and where their door of HTTP is; a registrar registers programs; Kubernetes not yet',
      ko: '서비스와 그 HTTP 진입점의 자가 등록, 등록기로 프로그램 등록. Kubernetes는 아직',
    },
    code: [
      'packages/platform/registry/src/announcing.ts',
      'packages/platform/registry/src/registrar.ts',
      'packages/dure/src/service/announce-door.ts',
    ],
    guide: 'docs/guides/registry.md',
    tests: [
      'packages/platform/registry/src/failing.test.ts',
      'packages/platform/registry/src/registrar.test.ts',
      'packages/platform/registry/src/announced.test.ts',
      'packages/tools/cli/src/registry.test.ts',
    ],
  },
  N4: {
    state: 'begun',
    part: {
      en: 'by a gateway, from the registry or fixed addresses; Kubernetes’ documents not yet',
      ko: '게이트웨이가 레지스트리나 정해진 주소로. Kubernetes 문서는 아직',
    },
    code: ['packages/platform/gateway/src/upstreams/upstreams.ts', 'packages/platform/gateway/src/proxy/proxy.ts'],
    guide: 'docs/guides/gateway.md',
    tests: [
      'packages/platform/gateway/src/system.test.ts',
      'packages/platform/gateway/src/gateway.test.ts',
      'packages/platform/gateway/src/proxy/failing.test.ts',
    ],
  },
  N5: {
    state: 'works',
    code: [
      'packages/dure/src/resilience/breaker.ts',
      'packages/dure/src/resilience/fallback.ts',
      'packages/dure/src/call/guarded/guards.ts',
      'packages/dure/src/call/guarded/hystrix.ts',
      'packages/dure/src/resilience/ejection.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/resilience/breaker.test.ts',
      'packages/dure/src/resilience/kit.test.ts',
      'packages/dure/src/service/policies.test.ts',
      'packages/protocols/rest/src/hystrix.test.ts',
      'packages/tools/simulation/src/guarded/rates.test.ts',
      'examples/guarded.test.ts',
      'packages/tools/testing/src/placement/probes.test.ts',
      'packages/dure/src/resilience/ejection.test.ts',
      'packages/dure/src/call/remote/standing.test.ts',
      'packages/dure/src/call/remote/replicas.test.ts',
      'packages/dure/src/call/remote/remote.test.ts',
    ],
  },
  N6: {
    state: 'works',
    code: [
      'packages/dure/src/resilience/compose.ts',
      'packages/dure/src/resilience/rate-limit.ts',
      'packages/brokers/redis/src/rate-limit.ts',
      'packages/dure/src/resilience/adaptive.ts',
      'packages/dure/src/resilience/retry-budget.ts',
      'packages/dure/src/resilience/bulkhead.ts',
      'packages/dure/src/call/admission.ts',
      'packages/dure/src/call/remote/route.ts',
      'packages/dure/src/call/socket/peers.ts',
    ],
    guide: 'docs/guides/resilience.md',
    tests: [
      'packages/dure/src/resilience/compose.test.ts',
      'packages/dure/src/resilience/limits.test.ts',
      'packages/brokers/redis/src/rate-limit.test.ts',
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
}
