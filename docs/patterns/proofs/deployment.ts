import type { Proof } from './proof.ts'

/** Tests and deployment: rows T and P. */
export const deployment: Readonly<Record<`P${number}` | 'T1' | 'T2', Proof>> = {
  T1: {
    state: 'works',
    part: {
      en: 'REST and events, as Pact V4, which pact-js and Pact JVM verify; not streams, nor messages with an answer',
      ko: 'REST와 이벤트를 Pact V4로. pact-js와 Pact JVM이 검증한다. 스트림과 대답이 있는 메시지는 아니다',
    },
    code: [
      'packages/tools/testing/src/contracts/consumer.ts',
      'packages/tools/testing/src/contracts/verify.ts',
      'packages/tools/testing/src/contracts/can-i-deploy.ts',
      'packages/tools/testing/src/pact/pact.ts',
    ],
    guide: 'docs/guides/contract-tests.md',
    tests: [
      'packages/tools/testing/src/contracts/contracts.test.ts',
      'packages/tools/testing/src/contracts/can-i-deploy.test.ts',
      'packages/tools/testing/src/pact/pact.test.ts',
      'examples/marketplace/contracts.test.ts',
    ],
  },
  T2: {
    state: 'works',
    part: {
      en: 'needs faked from their contracts, events brought and recorded, real stores and brokers, spans, faults, real or virtual time; by the same test in this process, in its own, or in its image',
      ko: '계약으로 만든 가짜 의존 서비스, 이벤트 넣기와 기록, 실제 저장소와 브로커, 스팬, 장애 주입, 실제 또는 가상 시간. 같은 테스트를 이 프로세스에서도, 별도 프로세스에서도, 이미지로도 돌린다',
    },
    code: [
      'packages/tools/testing/src/component/test-system.ts',
      'packages/tools/testing/src/component/fake.ts',
      'packages/tools/testing/src/component/settled.ts',
      'packages/tools/testing/src/component/far-life.ts',
      'packages/tools/testing/src/component/container.ts',
    ],
    guide: 'docs/guides/testing.md',
    tests: [
      'packages/tools/testing/src/component/component.test.ts',
      'packages/tools/testing/src/component/elsewhere.test.ts',
      'packages/tools/testing/src/component/vitest.test.ts',
      'examples/marketplace/services/order/order.test.ts',
      'examples/marketplace/services/order/postgres.test.ts',
      'examples/marketplace/components.long.test.ts',
    ],
  },
  P1: {
    state: 'works',
    part: {
      en: 'in one process, or each in its own under a supervisor; several releases side by side behind one address',
      ko: '한 프로세스에서, 또는 수퍼바이저 아래 각자의 프로세스에서. 여러 릴리스가 한 주소 뒤에 나란히',
    },
    code: [
      'packages/dure/src/service/start.ts',
      'packages/dure/src/service/supervisor/supervisor.ts',
      'packages/dure/src/discovery/embedded/embedded.ts',
      'packages/tools/deploy/src/host/host.ts',
      'packages/tools/deploy/src/target/behind-gateway.ts',
      'examples/marketplace/system.ts',
    ],
    guide: 'docs/guides/deploy-host.md',
    tests: [
      'packages/dure/src/service/start.test.ts',
      'packages/dure/src/service/supervisor/supervisor.test.ts',
      'packages/dure/src/discovery/embedded/embedded.test.ts',
      'packages/tools/deploy/src/host/host.long.test.ts',
      'examples/marketplace/main.test.ts',
      'examples/marketplace/split.test.ts',
    ],
  },
  P2: {
    state: 'works',
    part: {
      en: 'hosts tried as network namespaces of one machine, over mutual TLS; a unit for systemd; no virtual machine was run',
      ko: '한 머신의 네트워크 네임스페이스를 호스트로 삼아 상호 TLS로 시험했고 systemd 유닛이 있다. 가상 머신에서는 돌려 보지 않았다',
    },
    code: [
      'packages/tools/cli/src/commands/start.ts',
      'packages/dure/src/service/process/network.ts',
      'packages/dure/src/service/process/process.ts',
      'packages/platform/registry/src/eureka.ts',
      'examples/hosts/proof.ts',
      'packages/dure/src/call/socket/socket.ts',
    ],
    guide: 'docs/guides/hosts.md',
    tests: [
      'packages/dure/src/service/process/network.test.ts',
      'examples/hosts/hosts.test.ts',
      'packages/dure/src/call/socket/tls.test.ts',
      'packages/tools/cli/src/split.test.ts',
      'packages/dure/src/service/process/process.test.ts',
      'packages/dure/src/service/process/processes.test.ts',
    ],
  },
  P3: {
    state: 'begun',
    part: {
      en: 'images without a container engine, pushed over HTTP; releases side by side as containers of podman or Docker; Kubernetes on a real kube-apiserver, with a node played by a test: no kubelet, no gateway of others was tried',
      ko: '컨테이너 엔진 없이 만들어 HTTP로 보내는 이미지. podman이나 Docker의 컨테이너로 나란히 도는 릴리스. Kubernetes는 진짜 kube-apiserver에서, 노드는 시험이 흉내 냈다. kubelet과 다른 게이트웨이는 해 보지 않았다',
    },
    code: [
      'packages/tools/deploy/src/image/build.ts',
      'packages/tools/deploy/src/image/files.ts',
      'packages/tools/deploy/src/registry/push.ts',
      'packages/tools/cli/src/commands/image.ts',
      'packages/tools/deploy/src/container/container.ts',
      'packages/tools/deploy/src/kubernetes/documents.ts',
      'packages/tools/deploy/src/kubernetes/kubernetes.ts',
    ],
    guide: 'docs/guides/on-kubernetes.md',
    tests: [
      'packages/tools/deploy/src/image/build.test.ts',
      'packages/tools/deploy/src/image/tar.test.ts',
      'packages/tools/deploy/src/registry/push.test.ts',
      'packages/tools/deploy/src/container/container.long.test.ts',
      'packages/tools/deploy/src/kubernetes/documents.test.ts',
      'packages/tools/deploy/src/kubernetes/kubernetes.long.test.ts',
    ],
  },
  P4: {
    state: 'works',
    part: {
      en: 'AWS Lambda, run by its emulator; no other platform',
      ko: 'AWS Lambda. 에뮬레이터로 실행했고 다른 플랫폼은 없다',
    },
    code: [
      'packages/platform/lambda/src/handler.ts',
      'packages/platform/lambda/src/batch.ts',
      'packages/platform/lambda/src/runtime-api.ts',
      'packages/protocols/rest/src/in-memory.ts',
      'examples/function/function.ts',
    ],
    guide: 'docs/guides/function.md',
    tests: ['packages/platform/lambda/src/handler.test.ts', 'packages/platform/lambda/src/runtime-api.test.ts'],
  },
  P5: {
    state: 'works',
    part: {
      en: 'rollouts judged by errors and p99 that go back by themselves, roll back, scale, promote; proved with processes of one machine',
      ko: '오류와 p99로 판단해 스스로 되돌아가는 배포, 되돌리기, 복제본 수, 승격. 한 머신의 프로세스로 확인',
    },
    code: [
      'packages/tools/deploy/src/platform/platform.ts',
      'packages/tools/deploy/src/platform/rollout.ts',
      'packages/tools/deploy/src/platform/judge.ts',
      'packages/tools/deploy/src/target/port.ts',
      'packages/tools/cli/src/commands/deploy.ts',
    ],
    guide: 'docs/guides/rollouts.md',
    tests: [
      'packages/tools/deploy/src/platform/platform.test.ts',
      'packages/tools/deploy/src/platform/autoscale.test.ts',
      'packages/tools/deploy/src/memory.test.ts',
      'packages/tools/deploy/src/host/host.long.test.ts',
      'packages/tools/cli/src/deploy.test.ts',
    ],
  },
  P6: {
    state: 'begun',
    part: {
      en: 'copies of one machine under a supervisor, on PostgreSQL or without a store',
      ko: '한 머신의 수퍼바이저 아래, PostgreSQL을 쓰거나 저장소가 없는 복제본',
    },
    code: [
      'packages/dure/src/service/supervisor/supervisor.ts',
      'packages/databases/postgres/src/store/migrations.ts',
      'packages/dure/src/messaging/partition-loop.ts',
    ],
    guide: 'docs/guides/scaling.md',
    tests: [
      'bench/recovery.long.test.ts',
      'packages/databases/postgres/src/store/members.test.ts',
      'packages/dure/src/messaging/consumer/newer-message.test.ts',
      'packages/dure/src/service/process/copies.test.ts',
    ],
  },
}
