/** Failures on the wire: a declared error keeps its code and fields, everything else is a canonical code. */
import { CallError, DeclaredError, STATUSES, type Status } from '../../contract/contract.ts'
import { NOT_BEGUN } from '../failure.ts'
import { HeavyError } from './bytes.ts'
import { UnsendableError } from './codec.ts'
import { ProtocolError } from './protocol.ts'

const CALL = 0
const DECLARED = 1

/** The failure as a value of the wire type system. */
export function failureToWire(error: unknown): unknown {
  if (error instanceof DeclaredError) return [DECLARED, error.code, error.message, error.status, error.data]
  if (error instanceof CallError) {
    return Object.keys(error.details).length === 0
      ? [CALL, error.code, error.message]
      : [CALL, error.code, error.message, error.details]
  }
  // Endpoints let nothing else out; whatever it is, its inside stays here.
  return [CALL, 'INTERNAL', 'Call failed inside the service; its log says why']
}

/** What is sent of a failure whose details cannot travel. */
export function withoutDetails(error: unknown): unknown {
  return error instanceof CallError
    ? [CALL, error.code, error.message]
    : [CALL, 'INTERNAL', 'Call failed with an error whose fields cannot travel']
}

/** @throws {ProtocolError} */
export function failureFromWire(value: unknown): Error {
  if (!Array.isArray(value)) throw new ProtocolError('A failure is not in the form that it should be')
  const [kind, code, message, more, data] = value as unknown[]
  if (typeof code !== 'string' || typeof message !== 'string')
    throw new ProtocolError('A failure is not in the form that it should be')
  if (kind === DECLARED) return new DeclaredError({ code, data, status: isStatus(more) ? more : 'UNKNOWN', message })
  const details = typeof more === 'object' && more !== null ? (more as Readonly<Record<string, unknown>>) : {}
  return new CallError(isStatus(code) ? code : 'UNKNOWN', message, { details })
}

/** An answer that its caller cannot be given, as what the caller gets instead. */
export function unsendable(place: string, error: unknown): CallError {
  if (error instanceof UnsendableError)
    return new CallError('INTERNAL', `Call to ${place} failed: its answer cannot travel (${error.message})`)
  return new CallError('INTERNAL', `Call to ${place} failed: its answer cannot be written`)
}

export function tooLong(place: string, what: 'input' | 'answer' | 'incoming value', size: number, limit: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Call to ${place} failed: its ${what} takes ${size} bytes on the wire and at most ${limit} are taken; send it in parts`,
  )
}

/** @param age milliseconds that the call waited unread */
export function stoodStill(place: string, age: number): CallError {
  return refused(
    'UNAVAILABLE',
    place,
    `its process stood still for ${Math.round(age)} ms, and nobody may be waiting for the answer any more`,
  )
}

export function tooMany(place: string, calls: number): CallError {
  return refused('RESOURCE_EXHAUSTED', place, `${calls} calls are under way on its connection`)
}

function refused(code: Status, place: string, why: string): CallError {
  return new CallError(code, `Call to ${place} was refused: ${why}`, { details: NOT_BEGUN })
}

export function unreadable(place: string, error: unknown, what: 'input' | 'incoming value' = 'input'): CallError {
  return new CallError(
    error instanceof HeavyError ? 'RESOURCE_EXHAUSTED' : 'INVALID_ARGUMENT',
    `Call to ${place} was refused: its ${what} cannot be read (${(error as Error).message})`,
  )
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'string' && Object.hasOwn(STATUSES, value)
}
