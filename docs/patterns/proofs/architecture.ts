import type { Proof } from './proof.ts'

/** Application architecture and decomposition: rows A. */
export const architecture: Readonly<Record<`A${number}`, Proof>> = {
  A1: {
    state: 'works',
    part: {
      en: 'split over the processes of one machine; over several not yet',
      ko: '한 머신의 여러 프로세스까지, 여러 머신은 아직',
    },
    code: [
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/placement.ts',
      'packages/dure/src/service/process/process.ts',
      'packages/dure/src/call/local.ts',
      'packages/dure/src/call/remote/remote.ts',
      'packages/tools/cli/src/split.ts',
      'examples/marketplace/system.ts',
    ],
    guide: 'docs/guides/monolith-first.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/service/process/processes.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'examples/marketplace/main.test.ts',
      'examples/marketplace/split.test.ts',
      'examples/marketplace/placement.test.ts',
      'examples/marketplace/chaos/chaos.test.ts',
      'examples/marketplace/chaos/split-storm.test.ts',
    ],
  },
  A4: {
    state: 'works',
    part: {
      en: 'a service with domain, ports and adapters written by `npm create dure`, and a test in the project that says which import points the wrong way',
      ko: '`npm create dure`가 도메인, 포트, 어댑터로 나뉜 서비스를 만들고, 프로젝트 안의 테스트가 방향이 잘못된 import를 알려 줌',
    },
    code: [
      'packages/tools/create-dure/src/project.ts',
      'packages/tools/create-dure/src/templates/shop.ts',
      'packages/tools/create-dure/src/templates/layering.ts',
      'checks/layering/services.ts',
      'examples/marketplace/services/stock/domain/reservation.ts',
      'examples/marketplace/services/payment/domain/provider.ts',
      'examples/marketplace/services/payment/adapters/http-provider.ts',
    ],
    guide: 'docs/guides/hexagonal.md',
    tests: [
      'packages/tools/create-dure/src/project.test.ts',
      'checks/layering/layering.test.ts',
      'examples/marketplace/services/stock/domain/reservation.test.ts',
      'docs/guides/guides.test.ts',
    ],
  },
  A7: {
    state: 'works',
    code: [
      'packages/dure/src/service/service.ts',
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/service-instance.ts',
      'packages/dure/src/service/idempotency.ts',
      'packages/dure/src/runtime/numbers.ts',
    ],
    guide: 'docs/guides/chassis.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/call/call.test.ts',
      'packages/dure/src/telemetry/log.test.ts',
      'packages/dure/src/service/hostile.test.ts',
      'packages/dure/src/service/numbers.test.ts',
      'packages/dure/src/service/alone.test.ts',
      'packages/dure/src/service/idempotency.test.ts',
      'packages/dure/src/service/config.test.ts',
      'packages/dure/src/service/policies.test.ts',
    ],
  },
}
