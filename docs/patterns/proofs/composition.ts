import type { Proof } from './proof.ts'

/** Composition and external API: rows X. */
export const composition: Readonly<Record<`X${number}`, Proof>> = {
  X5: {
    state: 'works',
    part: { en: 'in a service; at the gateway not yet', ko: '서비스 안에서. 게이트웨이에서는 아직' },
    code: ['packages/dure/src/query/compose.ts', 'packages/dure/src/query/batch.ts'],
    guide: 'docs/guides/composition.md',
    tests: ['packages/dure/src/query/compose.test.ts', 'examples/marketplace/dashboard.test.ts'],
  },
}
