/**
 * What stands behind a row of the pattern language. A row works when a user can start it, see it and test it: it
 * then links its code, its guide and the tests that break it. A row that is begun links what is there so far. A row
 * that is not here does not work yet, and its page says so.
 *
 * After a change: `npm run docs:patterns`. A test holds the links and the pages to it.
 */
export type Proof = {
  readonly state: 'works' | 'begun'
  /** What of the row is meant, when it is not all of it. */
  readonly part?: { readonly en: string; readonly ko: string }
  /** Paths from the root of the repository. */
  readonly code: readonly string[]
  readonly guide?: string
  /** Tests that show the failure as well as the success. */
  readonly tests: readonly string[]
}

const EMBEDDED = { en: 'embedded', ko: '내장' }

export const proofs: Readonly<Record<string, Proof>> = {
  A1: {
    state: 'begun',
    part: { en: 'one process; splitting not yet', ko: '한 프로세스까지, 분리는 아직' },
    code: ['packages/dure/src/service/service.ts', 'packages/dure/src/service/start.ts'],
    tests: ['packages/dure/src/service/start.test.ts'],
  },
  A4: {
    state: 'begun',
    part: { en: 'checked; scaffolding not yet', ko: '점검까지, 스캐폴딩은 아직' },
    code: ['checks/layering/services.ts', 'examples/marketplace/services/stock/domain/reservation.ts'],
    tests: ['checks/layering/layering.test.ts'],
  },
  A7: {
    state: 'begun',
    part: { en: 'lifecycle, health, logs, deadlines', ko: '수명 주기, 상태, 로그, 데드라인' },
    code: ['packages/dure/src/service/definition.ts', 'packages/dure/src/service/start.ts'],
    tests: ['packages/dure/src/service/start.test.ts', 'packages/dure/src/call/call.test.ts'],
  },
  C1: {
    state: 'begun',
    code: ['packages/dure/src/contract/openapi.ts'],
    tests: ['packages/dure/src/contract/openapi.test.ts'],
  },
  C7: {
    state: 'begun',
    part: EMBEDDED,
    code: ['packages/dure/src/messaging/embedded/embedded.ts'],
    tests: [
      'packages/dure/src/messaging/embedded/embedded.test.ts',
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
    ],
  },
  C8: {
    state: 'begun',
    part: EMBEDDED,
    code: ['packages/dure/src/messaging/embedded/embedded.ts', 'packages/dure/src/contract/event.ts'],
    tests: [
      'packages/dure/src/messaging/embedded/embedded.test.ts',
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
    ],
  },
  D1: {
    state: 'begun',
    part: { en: 'SQLite', ko: 'SQLite' },
    code: ['packages/dure/src/data/database.ts', 'packages/dure/src/data/sqlite/sqlite.ts'],
    tests: ['packages/dure/src/data/sqlite/sqlite.test.ts'],
  },
  D3: {
    state: 'begun',
    part: { en: 'SQLite', ko: 'SQLite' },
    code: ['packages/dure/src/data/sqlite/writer.ts'],
    tests: ['packages/dure/src/data/sqlite/writer.test.ts', 'packages/dure/src/data/sqlite/conformance.test.ts'],
  },
  D10: {
    state: 'begun',
    code: ['packages/dure/src/data/outbox.ts', 'packages/dure/src/data/relay.ts'],
    tests: ['packages/dure/src/data/outbox.test.ts'],
  },
  D13: { state: 'begun', code: ['packages/dure/src/data/inbox.ts'], tests: ['packages/dure/src/data/inbox.test.ts'] },
  E1: {
    state: 'begun',
    part: EMBEDDED,
    code: ['packages/dure/src/messaging/consumer.ts', 'packages/dure/src/messaging/dead-letters.ts'],
    tests: ['packages/dure/src/messaging/embedded/embedded.test.ts'],
  },
  O1: { state: 'begun', code: ['packages/dure/src/service/health.ts'], tests: ['packages/dure/src/service/start.test.ts'] },
  P1: {
    state: 'begun',
    code: ['packages/dure/src/service/start.ts'],
    tests: ['packages/dure/src/service/start.test.ts'],
  },
}
