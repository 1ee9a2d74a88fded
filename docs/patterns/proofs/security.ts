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
    state: 'begun',
    part: {
      en: 'tokens of any issuer and API keys are taken; giving them out, and sessions of browsers, not yet',
      ko: '어느 발급자의 토큰이든, API 키도 받음. 발급과 브라우저 세션은 아직',
    },
    code: ['packages/dure/src/security/security.ts', 'packages/dure/src/security/api-keys.ts'],
    guide: 'docs/guides/access.md',
    tests: ['packages/dure/src/security/security.test.ts', 'packages/platform/gateway/src/tokens.test.ts'],
  },
  S4: {
    state: 'begun',
    part: {
      en: 'the auth service gives out tokens, the gateway refuses by them and passes them on, and services verify them; logging in at the gateway, not yet',
      ko: '인증 서비스가 토큰을 발급하고 게이트웨이가 그것으로 거절하거나 넘기며 서비스가 검증. 게이트웨이에서 로그인하기는 아직',
    },
    code: [
      'packages/dure/src/security/security.ts',
      'packages/platform/gateway/src/filters/consumers.ts',
      'packages/platform/auth/src/provider.ts',
      'packages/platform/auth/src/keys.ts',
    ],
    guide: 'docs/guides/auth-server.md',
    tests: [
      'packages/platform/gateway/src/tokens.test.ts',
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
      en: 'folders, mounts, the environment; typed, live, judged whole; secrets. A change reaches all processes at once, not by waves',
      ko: '폴더, 마운트, 환경 변수. 타입이 있고, 도는 동안 바뀌며, 통째로 판정. 비밀. 변경은 물결이 아니라 모든 프로세스에 한꺼번에',
    },
    code: [
      'packages/dure/src/config/config.ts',
      'packages/dure/src/config/judge.ts',
      'packages/dure/src/config/configuration.ts',
      'packages/dure/src/config/secret.ts',
      'packages/dure/src/config/parse/parse.ts',
      'packages/tools/cli/src/commands/config.ts',
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
    ],
  },
}
