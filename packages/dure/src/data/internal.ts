/** What Dure's own rooms and packages share of `data`, and no promise to anybody else. */
export { bindTransaction } from './bind.ts'
export { timely } from './delivery.ts'
export { constraintOf, type ConstraintKind } from './constraint.ts'
export { INBOX_RETENTION } from './inbox.ts'
export type { Aside } from './database.ts'
