import {
  CallError,
  DeclaredError,
  parserOf,
  wireOf,
  type AnyOperation,
  type ErrorType,
  type AnySchema,
  type Parser,
} from '../contract/contract.ts'
import type { CancelReason } from './cancellation.ts'

/** Where a call failed, for messages: `orders.place`. */
export type Place = string

/**
 * Turns whatever a handler threw into what its caller may see, the same under every placement:
 * a declared error keeps its code and typed fields, a CallError its code and details, an Error becomes
 * INTERNAL and anything else UNKNOWN, with the inside kept out of the answer (it is logged instead).
 */
export function createFailureMapper(
  place: Place,
  operation: AnyOperation,
): (thrown: unknown, cancelled: CancelReason | undefined, overdue: boolean) => Error {
  const declared = new Map<string, { type: ErrorType<string, AnySchema | undefined>; parse: Parser | undefined }>()
  for (const type of Object.values(operation.errors) as ErrorType<string, AnySchema | undefined>[]) {
    declared.set(type.code, { type, parse: type.data === undefined ? undefined : parserOf(type.data, 'output') })
  }
  return (thrown, cancelled, overdue) => {
    if (thrown instanceof DeclaredError) return declaredFailure(place, declared, thrown)
    // The same moment ends a call and what it has asked of others; who notices first is chance, and must not show.
    if (thrown instanceof CallError && thrown.code === 'DEADLINE_EXCEEDED' && overdue) return cancelledError(place, 'deadline')
    if (thrown instanceof CallError) return new CallError(thrown.code, thrown.message, { details: copyDetails(thrown.details) })
    // What a handler throws because it was told to stop is no failure of its own.
    if (cancelled !== undefined) return cancelledError(place, cancelled)
    if (thrown instanceof Error) return new CallError('INTERNAL', `Call to ${place} failed inside the service; its log says why`)
    return new CallError('UNKNOWN', `Call to ${place} failed: the handler threw a value that is not an Error`)
  }
}

function declaredFailure(
  place: Place,
  declared: ReadonlyMap<string, { type: ErrorType<string, AnySchema | undefined>; parse: Parser | undefined }>,
  thrown: DeclaredError,
): Error {
  const known = declared.get(thrown.code)
  if (known === undefined) {
    return new CallError('INTERNAL', `Call to ${place} failed with "${thrown.code}", which its contract does not declare`)
  }
  const { parse, type } = known
  if (parse === undefined)
    return new DeclaredError({ code: thrown.code, data: undefined, status: type.status, message: thrown.message })
  const parsed = parse(thrown.data)
  if (parsed instanceof Promise || !parsed.ok) {
    return new CallError('INTERNAL', `Call to ${place} failed with "${thrown.code}", whose data do not match its contract`)
  }
  return new DeclaredError({ code: thrown.code, data: parsed.value, status: type.status, message: thrown.message })
}

export function cancelledError(place: Place, reason: CancelReason): CallError {
  switch (reason) {
    case 'deadline':
      return new CallError('DEADLINE_EXCEEDED', `Call to ${place} was not answered before its deadline`)
    case 'caller':
      return new CallError('CANCELLED', `Call to ${place} was cancelled by its caller`)
    case 'stopping':
      return new CallError('UNAVAILABLE', `Call to ${place} was ended: the service is stopping`)
  }
}

/**
 * Details of a refusal that came before the callee began. Such a call may be sent again, to another instance for example,
 * even when it must not happen twice.
 */
export const NOT_BEGUN: Readonly<Record<string, unknown>> = Object.freeze({ begun: false })

export function hasNotBegun(error: CallError): boolean {
  return error.details['begun'] === false
}

/**
 * Details are small, plain facts; a copy keeps caller and callee apart. That somebody further on has not begun is true of
 * that call, not of this one.
 */
function copyDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const keys = Object.keys(details)
  if (keys.length === 0) return details
  if (details['begun'] !== false) return travelling(details)
  const { begun: _begun, ...rest } = details
  return travelling(rest)
}

const checkWire = wireOf(undefined, 'output').check

/** A copy of details that can travel; others are left out under every placement, so that code and message are not lost with them. */
function travelling(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return checkWire(details) === undefined ? structuredClone(details) : {}
}
