/** Mistakes in how sagas are kept, each between a service and its store, or in a saga's own code. */
import type { FaultKind, Simulation } from '../simulation.ts'
import { rewriting, type Statement } from './rewriting.test-support.ts'
import { ENDS, forwardTrip, ONCE, OVER, REVERSE, type soundTrip, WHOLE } from './trips.test-support.ts'

/** Leaves out the condition on the epoch, which is the last of a statement, with its value. */
function withoutEpoch({ sql, values }: Statement): Statement {
  const CONDITION = / AND epoch = \?\s*$/
  return CONDITION.test(sql) ? { sql: sql.replace(CONDITION, ''), values: values.slice(0, -1) } : { sql, values }
}

/** Whoever takes its time with an instance loses it, so that two are at work on it. */
function shortLease({ sql, values }: Statement): Statement {
  return { sql, values: values.map((value) => (value === LEASE ? 400 : value)) }
}
const LEASE = 30_000

const isStep = ({ sql }: Statement): boolean => sql.includes('INTO dure_saga_steps')

export type SagaMistake = {
  readonly run?: typeof soundTrip
  readonly store?: NonNullable<Simulation['store']>
  /** What stands there in both, with the mistake and without. */
  readonly sound?: NonNullable<Simulation['store']>
  readonly found: readonly string[]
  readonly faults?: readonly FaultKind[]
  readonly from?: number
}

export const MISTAKES: Readonly<Record<string, SagaMistake>> = {
  'what was done first is undone first': { run: forwardTrip, found: [REVERSE] },
  'the result of a step is not kept with its rows': {
    store: rewriting('dure_saga', (statement) =>
      isStep(statement) && statement.values.includes('rows') ? undefined : statement,
    ),
    found: [ENDS, ONCE, WHOLE],
  },
  'that a step can be undone is kept after it is done': {
    store: rewriting('dure_saga', (statement) =>
      isStep(statement) && statement.values.includes('begun') ? undefined : statement,
    ),
    found: [WHOLE],
  },
  'what has ended is not taken from the alarm': {
    store: rewriting('dure_saga', ({ sql, values }) => ({
      sql: sql.includes('ended_at = ') ? sql.replace('due_at = NULL,', '') : sql,
      values,
    })),
    found: [OVER],
  },
  'an instance is taken, and what is written of it carries no epoch': {
    store: rewriting('dure_saga', (statement) => withoutEpoch(shortLease(statement))),
    sound: rewriting('dure_saga', shortLease),
    found: [ONCE, WHOLE, REVERSE, ENDS],
    faults: ['stall', 'freeze', 'scaling'],
  },
}
