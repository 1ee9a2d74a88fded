import type { Proof } from './proof.ts'

/** Security and configuration: rows S. */
export const security: Readonly<Record<`S${number}`, Proof>> = {
  S1: {
    state: 'works',
    code: [
      'packages/dure/src/security/security.ts',
      'packages/dure/src/security/tokens.ts',
      'packages/dure/src/security/keys.ts',
      'packages/dure/src/call/socket/principals.ts',
      'packages/platform/auth/src/auth.ts',
    ],
    guide: 'docs/guides/access.md',
    tests: [
      'packages/dure/src/security/security.test.ts',
      'packages/dure/src/security/acts.test.ts',
      'packages/platform/gateway/src/refusals.test.ts',
      'packages/dure/src/call/socket/principals.test.ts',
      'packages/dure/src/call/socket/hostile.test.ts',
      'packages/platform/gateway/src/tokens.test.ts',
      'packages/dure/src/eventsourcing/initiator.test.ts',
      'packages/dure/src/tasks/tasks.test.ts',
      'packages/platform/auth/src/tokens.test.ts',
    ],
  },
  S2: {
    state: 'works',
    part: {
      en: 'the store, its cookie and who calls at the gateway; a page to log in at, not yet',
      ko: '저장소, 쿠키, 게이트웨이에서 누가 부르는지. 로그인 화면은 아직',
    },
    code: [
      'packages/dure/src/session/sessions.ts',
      'packages/dure/src/session/cookie.ts',
      'packages/brokers/redis/src/sessions.ts',
      'packages/sessions/memcached/src/memcached.ts',
    ],
    guide: 'docs/guides/sessions.md',
    tests: [
      'packages/dure/src/session/sessions.test.ts',
      'packages/brokers/redis/src/sessions.test.ts',
      'packages/sessions/memcached/src/memcached.test.ts',
      'packages/sessions/memcached/src/replies.test.ts',
      'packages/platform/gateway/src/sessions.test.ts',
    ],
  },
  S3: {
    state: 'works',
    code: [
      'packages/dure/src/security/security.ts',
      'packages/dure/src/security/api-keys.ts',
      'packages/platform/auth/src/provider.ts',
    ],
    guide: 'docs/guides/access.md',
    tests: [
      'packages/dure/src/security/security.test.ts',
      'packages/platform/gateway/src/tokens.test.ts',
      'packages/platform/auth/src/tokens.test.ts',
      'packages/platform/auth/src/refresh.test.ts',
    ],
  },
  S4: {
    state: 'works',
    code: [
      'packages/dure/src/security/security.ts',
      'packages/platform/gateway/src/filters/consumers.ts',
      'packages/platform/gateway/src/login/login.ts',
      'packages/platform/auth/src/provider.ts',
      'packages/platform/auth/src/keys.ts',
    ],
    guide: 'docs/guides/auth-server.md',
    tests: [
      'packages/platform/gateway/src/tokens.test.ts',
      'packages/platform/gateway/src/login/login.test.ts',
      'packages/platform/auth/src/refresh.test.ts',
      'packages/platform/auth/src/login.test.ts',
      'packages/platform/auth/src/copies.test.ts',
    ],
  },
  S5: {
    state: 'works',
    code: [
      'packages/dure/src/contract/access.ts',
      'packages/dure/src/call/access.ts',
      'packages/dure/src/contract/principal.ts',
      'packages/dure/src/service/process/control.ts',
    ],
    guide: 'docs/guides/access.md',
    tests: [
      'packages/dure/src/service/security.test.ts',
      'packages/tools/testing/src/placement/probes.test.ts',
      'packages/protocols/rest/src/security.test.ts',
      'packages/dure/src/service/process/network.test.ts',
      'packages/dure/src/contract/compat.test.ts',
    ],
  },
  S6: {
    state: 'works',
    part: {
      en: 'folders, mounts, the environment, a central server (folder, Git, SQLite) and ConfigMaps; typed, live, judged whole; secrets. A change reaches all processes at once, not one of them first',
      ko: '폴더, 마운트, 환경 변수, 중앙 서버(폴더, Git, SQLite), ConfigMap. 타입이 있고, 도는 동안 바뀌며, 통째로 판정. 비밀. 변경은 한 프로세스에 먼저가 아니라 모두에게 한꺼번에',
    },
    code: [
      'packages/dure/src/config/config.ts',
      'packages/dure/src/config/judge.ts',
      'packages/dure/src/config/configuration.ts',
      'packages/dure/src/config/secret.ts',
      'packages/dure/src/config/parse/parse.ts',
      'packages/tools/cli/src/commands/config.ts',
      'packages/platform/config/src/server.ts',
      'packages/registries/kubernetes/src/config.ts',
    ],
    guide: 'docs/guides/configuration.md',
    tests: [
      'packages/dure/src/config/judge.test.ts',
      'packages/dure/src/config/configuration.test.ts',
      'packages/dure/src/config/sources.test.ts',
      'packages/dure/src/config/parse/parse.test.ts',
      'packages/dure/src/service/config.test.ts',
      'packages/tools/cli/src/config.test.ts',
      'packages/tools/simulation/src/settings/settings.test.ts',
      'packages/platform/config/src/server.test.ts',
      'packages/registries/kubernetes/src/config.test.ts',
    ],
  },
}
