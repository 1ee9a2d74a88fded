import {
  CallError,
  DeclaredError,
  STATUSES,
  type AnyOperation,
  type ErrorType,
  type AnySchema,
  type Status,
} from '../contract/contract.ts'
import { isInstance, outward, parserOf, wireOf, type Parser } from '../contract/internal.ts'
import type { CancelReason } from './cancellation.ts'
import type { Target } from './transport.ts'

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
  const mapped = (thrown: unknown, cancelled: CancelReason | undefined, overdue: boolean): Error => {
    if (thrown instanceof DeclaredError) return declaredFailure(place, declared, thrown)
    if (thrown instanceof CallError) {
      // The same moment ends a call and what it has asked of others; who notices first is chance, and must not show.
      if (thrown.code === 'DEADLINE_EXCEEDED' && overdue) return cancelledError(place, 'deadline')
      const told = outward(thrown)
      return new CallError(codeOf(told), wordsOf(told), { details: copyDetails(thrown.details) })
    }
    // What a handler throws because it was told to stop is no failure of its own.
    if (cancelled !== undefined) return cancelledError(place, cancelled)
    if (isInstance(thrown, Error)) return inside(place)
    return new CallError('UNKNOWN', `Call to ${place} failed: the handler threw a value that is not an Error`)
  }
  return (thrown, cancelled, overdue) => {
    try {
      return mapped(thrown, cancelled, overdue)
    } catch {
      // It looks like a failure and cannot be read: a getter that throws, a Proxy.
      return inside(place)
    }
  }
}

function inside(place: Place): CallError {
  return new CallError('INTERNAL', `Call to ${place} failed inside the service; its log says why`)
}

/** The types say what a code is; what is thrown may have another, which no wire could carry. */
function codeOf({ code }: { readonly code: Status }): Status {
  return Object.hasOwn(STATUSES, code) ? code : 'UNKNOWN'
}

/** Characters of a failure's words, at most: they have to come through every way there is. */
const LONGEST_WORDS = 8_000

function wordsOf({ message }: { readonly message: string }): string {
  return String(message).slice(0, LONGEST_WORDS)
}

function declaredFailure(
  place: Place,
  declared: ReadonlyMap<string, { type: ErrorType<string, AnySchema | undefined>; parse: Parser | undefined }>,
  thrown: DeclaredError,
): Error {
  const { code } = thrown
  const known = declared.get(code)
  if (known === undefined) {
    return new CallError('INTERNAL', `Call to ${place} failed with "${code}", which its contract does not declare`)
  }
  const { parse, type } = known
  const told = { code, status: type.status, message: wordsOf(thrown) }
  if (parse === undefined) return new DeclaredError({ ...told, data: undefined })
  const parsed = parse(thrown.data)
  if (parsed instanceof Promise || !parsed.ok) {
    // What an asynchronous schema says is said too late.
    if (parsed instanceof Promise) parsed.catch(() => {})
    return new CallError('INTERNAL', `Call to ${place} failed with "${code}", whose data do not match its contract`)
  }
  return new DeclaredError({ ...told, data: parsed.value })
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

/** Why what was asked for cannot be had here. A caller may be of a later release; another copy of the service may be, too. */
export function missingHere({ service, operation }: Target, runs: boolean): CallError {
  const [code, why] = runs
    ? (['UNIMPLEMENTED', `the release of service "${service}" that runs here has no such operation`] as const)
    : (['UNAVAILABLE', `no service "${service}" runs here`] as const)
  return new CallError(code, `Call to ${service}.${operation} failed: ${why}`, { details: NOT_BEGUN, inside: true })
}

export function hasNotBegun(error: CallError): boolean {
  return error.details['begun'] === false
}

/**
 * Details are small, plain facts; a copy keeps caller and callee apart. That somebody further on has not begun is true of
 * that call, not of this one.
 */
function copyDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    const keys = Object.keys(details)
    if (keys.length === 0) return details
    if (details['begun'] !== false) return travelling(details)
    const { begun: _begun, ...rest } = details
    return travelling(rest)
  } catch {
    // A getter that throws: the code and the words come without them.
    return {}
  }
}

const checkWire = wireOf(undefined, 'output').check

/** A copy of details that can travel; others are left out under every placement, so that code and message are not lost with them. */
function travelling(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return checkWire(details) === undefined ? structuredClone(details) : {}
}
