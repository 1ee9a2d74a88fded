import type { Proof } from './proof.ts'

/** Connectivity (discovery, reliability, secure links): rows N. */
export const connectivity: Readonly<Record<`N${number}`, Proof>> = {
  N1: {
    state: 'works',
    part: {
      en: 'leases, eviction, restarts without loss, push, health asked by the registry or a registrar; no replication between registries',
      ko: '리스, 축출, 잃지 않는 재시작, 변경 푸시, 레지스트리나 등록기의 상태 검사. 레지스트리끼리의 복제는 없음',
    },
    code: [
      'packages/platform/registry/src/leases.ts',
      'packages/platform/registry/src/expiry.ts',
      'packages/platform/registry/src/eureka.ts',
      'packages/dure/src/discovery/registry.ts',
    ],
    guide: 'docs/guides/registry.md',
    tests: [
      'packages/platform/registry/src/leases.test.ts',
      'packages/platform/registry/src/failing.test.ts',
      'packages/platform/registry/src/conformance.test.ts',
      'packages/platform/registry/src/health.test.ts',
      'packages/tools/cli/src/registry.test.ts',
    ],
  },
  N2: {
    state: 'begun',
    part: {
      en: 'services register themselves, a registrar registers programs; Kubernetes not yet',
      ko: '서비스의 자가 등록, 등록기로 프로그램 등록. Kubernetes는 아직',
    },
    code: ['packages/platform/registry/src/announcing.ts', 'packages/platform/registry/src/registrar.ts'],
    guide: 'docs/guides/registry.md',
    tests: [
      'packages/platform/registry/src/failing.test.ts',
      'packages/platform/registry/src/registrar.test.ts',
      'packages/tools/cli/src/registry.test.ts',
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
      ko: '프로세스 사이의 데드라인, 예산 안의 재시도, 격벽, 부하 차단, 재연결. 속도 제한은 아직',
    },
    code: [
      'packages/dure/src/resilience/retry-budget.ts',
      'packages/dure/src/resilience/bulkhead.ts',
      'packages/dure/src/call/admission.ts',
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
}
