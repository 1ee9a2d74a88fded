import type { QueryName } from '../sql.ts'
import { q20, q3, q4, q6, q9 } from './joined.ts'
import { q13, q15, q16, q17, q18, q19 } from './keyed.ts'
import { q0, q1, q10, q14, q2, q21, q22 } from './plain.ts'
import type { Query } from './query.ts'
import { q11, q12, q5, q7, q8 } from './windowed.ts'

/** Each query of Nexmark as a topology. */
export const queries: Readonly<Record<QueryName, () => Query>> = {
  ...{ q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11 },
  ...{ q12, q13, q14, q15, q16, q17, q18, q19, q20, q21, q22 },
}
