import type { Proof } from './proof.ts'

/** Events and streams: rows E. */
export const events: Readonly<Record<`E${number}`, Proof>> = {
  E1: {
    state: 'works',
    part: {
      en: 'at least and effectively once, order, dead letters, replay, on the embedded broker; at most once is not offered',
      ko: '내장 브로커에서 적어도 한 번, 사실상 한 번, 순서, 데드 레터, 재생. 많아야 한 번은 제공하지 않음',
    },
    code: [
      'packages/dure/src/messaging/consumer/consumer.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.ts',
      'packages/tools/cli/src/commands/dead/dead.ts',
    ],
    guide: 'docs/guides/messaging.md',
    tests: [
      'packages/dure/src/messaging/consumer/consumer.test.ts',
      'packages/dure/src/messaging/dead-letters/dead-letters.test.ts',
      'packages/tools/cli/src/dead.test.ts',
      'packages/tools/cli/src/poison.test.ts',
      'packages/dure/src/messaging/consumer/crash.test.ts',
      'packages/dure/src/messaging/embedded/embedded.conformance.test.ts',
      'examples/marketplace/chaos/chaos.test.ts',
      'packages/dure/src/messaging/aside.test.ts',
    ],
  },
  E6: {
    state: 'works',
    code: [
      'packages/dure/src/schedule/schedule.ts',
      'packages/dure/src/schedule/records.ts',
      'packages/dure/src/schedule/work.ts',
      'packages/dure/src/schedule/cron.ts',
      'packages/tools/cli/src/commands/schedule.ts',
    ],
    guide: 'docs/guides/schedule.md',
    tests: [
      'packages/dure/src/schedule/schedule.test.ts',
      'packages/dure/src/schedule/cron.test.ts',
      'packages/databases/postgres/src/schedules.test.ts',
      'packages/tools/cli/src/schedule.test.ts',
    ],
  },
}
