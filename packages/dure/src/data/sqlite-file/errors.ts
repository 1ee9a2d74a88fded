import { CallError, type Status } from '../../contract/contract.ts'
import { partOf } from '../../contract/internal.ts'

/**
 * What SQLite's primary result codes mean for whoever runs the service: the state found and what to do about it.
 * Source: https://www.sqlite.org/rescode.html
 */
const MEANINGS: Readonly<Record<number, { readonly status: Status; readonly state: string; readonly advice: string }>> = {
  3: { status: 'PERMISSION_DENIED', state: 'access is denied', advice: 'give the process the right to read and write it' },
  5: {
    status: 'UNAVAILABLE',
    state: 'it is locked by another process',
    advice: 'close other programs that have it open (a database browser, a backup), then try again',
  },
  7: { status: 'RESOURCE_EXHAUSTED', state: 'memory ran out', advice: 'give the process more memory' },
  8: {
    status: 'PERMISSION_DENIED',
    state: 'it cannot be written',
    advice: 'give the process the right to write the file and its folder',
  },
  10: { status: 'UNAVAILABLE', state: 'the disk answered with an error', advice: 'check the disk and the file system' },
  11: {
    status: 'DATA_LOSS',
    state: 'the file is damaged',
    advice: 'restore it from a backup, or move it away to start empty; nothing was changed in it',
  },
  13: {
    status: 'RESOURCE_EXHAUSTED',
    state: 'the disk is full',
    advice: 'free some space and try again; what was committed before is kept',
  },
  14: {
    status: 'PERMISSION_DENIED',
    state: 'it cannot be opened',
    advice: 'check that its folder exists and that the process may read and write it',
  },
  18: { status: 'INVALID_ARGUMENT', state: 'a value is too large for it', advice: 'store less in one value' },
  20: { status: 'INVALID_ARGUMENT', state: 'a value does not fit its column', advice: 'give a value of the type of the column' },
  26: {
    status: 'DATA_LOSS',
    state: 'the file is not an SQLite database',
    advice: 'restore it from a backup, or move it away to start empty; nothing was changed in it',
  },
}

/**
 * Says in words what went wrong with a database file. Errors that are the statement's own (a constraint, a
 * misspelt column) come back as they are.
 *
 * @example
 * ```ts
 * import { explainSqlite } from 'dure/data/adapter'
 *
 * const full = Object.assign(new Error('database or disk is full'), { errcode: 13 })
 * console.log((explainSqlite(full, 'Keeping letters', 'letters.db') as Error).message)
 * // → Keeping letters failed: the disk is full (file "letters.db"). To do: free some space and try again; what was committed before is kept
 * ```
 */
export function explain(error: unknown, action: string, file: string): unknown {
  const meaning = MEANINGS[primaryCode(error)]
  if (meaning === undefined) return error
  const { status, state, advice } = meaning
  return new CallError(status, `${action} failed: ${state} (file "${file}"). To do: ${advice}`, { cause: error, inside: true })
}

/** SQLite's primary result code, or 0 when the error is not SQLite's. */
export function primaryCode(error: unknown): number {
  const code = partOf(error, 'errcode')
  return typeof code === 'number' ? code & 0xff : 0
}
