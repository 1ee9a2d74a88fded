import { partOf } from '../contract/internal.ts'

/** What kind of constraint a statement violated. */
export type ConstraintKind = 'unique' | 'foreign key' | 'check' | 'not null'

/** The standard's class 23, as PostgreSQL reports it. */
const SQL_STATES: Readonly<Record<string, ConstraintKind>> = {
  '23505': 'unique',
  '23503': 'foreign key',
  '23514': 'check',
  '23502': 'not null',
}

/** SQLite's extended result codes; the plain one of foreign keys that are checked at the commit is among them. */
const SQLITE_CODES: Readonly<Record<number, ConstraintKind>> = {
  1555: 'unique',
  2067: 'unique',
  2579: 'unique',
  787: 'foreign key',
  275: 'check',
  1299: 'not null',
}

/**
 * Which kind of constraint an error of a statement or a commit is about, whatever the engine; undefined when it is about
 * none. Errors of constraints come from the engine as they are, because only the service knows what they mean.
 */
export function constraintOf(error: unknown): ConstraintKind | undefined {
  const [code, errcode] = [partOf(error, 'code'), partOf(error, 'errcode')]
  if (typeof errcode === 'number') return SQLITE_CODES[errcode]
  return typeof code === 'string' ? SQL_STATES[code] : undefined
}
