import { unknownFromJson, unknownToJson } from '../../contract/internal.ts'
import { shortHash } from '../../data/internal.ts'
import type { SqlRow, SqlValue } from '../../data/data.ts'

/** One cell as it is in the store. `name`: what its key is there. */
export type StateText = { readonly key: string; readonly at: number; readonly name: string; readonly text: string }

/** Longer keys are found by a hash: an index of PostgreSQL takes no longer ones. */
const LONGEST = 256
const HASHED = '#'

export function nameOf(key: string): string {
  return key.length > LONGEST || key.startsWith(HASHED) ? `${HASHED}${shortHash(key, 40)}` : key
}

export const textOf = (value: SqlValue | undefined): string | undefined =>
  value === null || value === undefined ? undefined : String(value)

/** A value as it is written. */
export const textOfState = (value: unknown): string => JSON.stringify(unknownToJson(value))

/** A cell as operators know it. */
export function valueOf({ key, at, text }: StateText): { readonly key: string; readonly at: number; readonly value: unknown } {
  return { key, at, value: unknownFromJson(JSON.parse(text)) }
}

export function stateTextOf(row: SqlRow): StateText {
  const name = String(row['key'])
  return { key: textOf(row['long_key']) ?? name, at: Number(row['at']), name, text: String(row['value']) }
}
