import { CallError } from '../contract/contract.ts'
import { WAIT, wrongNumber } from '../runtime/internal.ts'

/** What goes wrong with a store, whatever its engine: every adapter says it in the same words. */

/** They are for those who write and run the service. */
const INSIDE = { inside: true } as const

export function closed(service: string): CallError {
  return new CallError('UNAVAILABLE', `Beginning a transaction failed: the store of service "${service}" is closed`, INSIDE)
}

export function ended(service: string): CallError {
  return new CallError(
    'ABORTED',
    `A transaction of service "${service}" was ended from inside, and nothing of it was kept`,
    INSIDE,
  )
}

export function nested(service: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Beginning a transaction failed: service "${service}" is inside one already, which would wait for itself. To do: use the \`tx\` you have, or begin the second after the first`,
    INSIDE,
  )
}

export function full(service: string, limit: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Beginning a transaction failed: ${limit} transactions of service "${service}" are waiting already. To do: try again later, or take on less at once`,
    INSIDE,
  )
}

/** Why a transaction cannot be given so long; undefined when it can. Infinity is without limit. */
export function unusableTimeout(service: string, timeout: number): CallError | undefined {
  const wrong = wrongNumber(timeout, { ...WAIT, endless: true })
  if (wrong === undefined) return undefined
  return new CallError(
    'INVALID_ARGUMENT',
    `Beginning a transaction of service "${service}" failed: its option "timeout" ${wrong}`,
  )
}

export function transactionOver(reason: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Using a transaction failed: the transaction is over (${reason}). To do: await everything that uses it inside its work`,
    INSIDE,
  )
}

export function tooLong(service: string, timeout: number, arrivals: number): CallError {
  const cause =
    arrivals === 0
      ? ''
      : `. ${arrivals} other transactions of the service were begun meanwhile: if its work waits for one of them, it waits for itself`
  return new CallError(
    'DEADLINE_EXCEEDED',
    `A transaction of service "${service}" was rolled back: it took longer than ${timeout} ms${cause}. ` +
      'To do: keep calls to other services and to the world out of it (before or after), or give it a longer `timeout`',
    INSIDE,
  )
}

export function cutOff(service: string): CallError {
  return new CallError('UNAVAILABLE', `A transaction of service "${service}" was rolled back: its store was closed while it ran`)
}

export function readClosed(service: string): CallError {
  return new CallError('UNAVAILABLE', `Reading failed: the store of service "${service}" is closed`, INSIDE)
}

export function crowded(service: string, limit: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Reading failed: ${limit} reads of service "${service}" wait for a connection already. To do: end snapshots and streams sooner, or try again later`,
    INSIDE,
  )
}

export function outlasted(service: string, timeout: number): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    `Reading failed: a snapshot or stream of service "${service}" was ended after ${timeout} ms, because the database keeps what it sees until it ends. ` +
      'To do: read first and work with it afterwards, read large tables page by page, or raise `readTimeout`',
  )
}

export function readOnly(service: string, cause: unknown): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Writing through \`read\` failed: it only reads (service "${service}"). To do: write inside \`database.transaction\``,
    { cause, ...INSIDE },
  )
}

export function snapshotOver(): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    'Reading from a snapshot failed: the snapshot is over. To do: await every read inside it',
    INSIDE,
  )
}

/** A value that no column holds. @param index of the parameter, from 0 */
export function unholdable(index: number, value: unknown): CallError {
  const [what, advice] = describe(value)
  return new CallError(
    'INVALID_ARGUMENT',
    `Running a statement failed: parameter ${index + 1} is ${what}, which a database column cannot hold. ${advice}`,
  )
}

function describe(value: unknown): readonly [what: string, advice: string] {
  switch (typeof value) {
    case 'undefined':
      return ['undefined', 'Store null where there is nothing']
    case 'number':
      return [String(value), 'Store null where there is no number']
    case 'bigint':
      return ['a bigint beyond 64 bits', 'Store it as text']
    case 'string':
      return value.includes('\0')
        ? ['text with a zero character (U+0000)', 'Take it out, or store bytes']
        : ['text with half a character (a lone surrogate)', 'Cut text between characters, or store bytes']
    case 'object':
      return [`a ${String(value?.constructor?.name ?? 'object')}`, 'Store dates as text or milliseconds, objects as JSON text']
    default:
      return [`a ${typeof value}`, 'Store what can be sent']
  }
}
