/** What a caller is told of an answer that is no success. */
import { CallError, DeclaredError, STATUSES, type ErrorTypes, type Status } from 'dure/contract'
import type { ApplicationException, MethodCodec, Result } from '../methods.ts'
import { EXCEPTION } from '../wire/wire.ts'

/** Characters of a failure's words, at most: as of any other failure. */
const LONGEST_WORDS = 8_000

export function declaredError(codec: MethodCodec, { code, message, data }: Extract<Result, { kind: 'error' }>): DeclaredError {
  const errors = Object.values(codec.method.types.operation.errors as ErrorTypes)
  const { status } = errors.find((one) => one.code === code)!
  return new DeclaredError({ code, status, message: message.slice(0, LONGEST_WORDS), data })
}

/** Our doors say a canonical status beside what Thrift knows; of anybody else's, its kind of exception is the nearest. */
export function exceptionError(place: string, { message, type, status, issues }: ApplicationException): CallError {
  if (status !== undefined && Object.hasOwn(STATUSES, status)) {
    const code = status as Status
    // What our doors say then is where its reason is logged.
    if (code === 'INTERNAL') return new CallError(code, `Call to ${place} failed inside the service; its log says why`)
    const words = message.replace(/^[A-Z_]+: /, '').slice(0, LONGEST_WORDS)
    return new CallError(code, words || `Call to ${place} failed: ${STATUSES[code].meaning}`, {
      ...(issues !== undefined && { details: { issues } }),
    })
  }
  const [code, why] = KINDS[type] ?? (['UNKNOWN', `an exception of type ${type}`] as const)
  return new CallError(code, `Call to ${place} failed: it was answered with ${why}`)
}

const KINDS: Readonly<Record<number, readonly [Status, string]>> = {
  [EXCEPTION.unknown]: ['UNKNOWN', 'an unknown exception'],
  [EXCEPTION.unknownMethod]: ['UNIMPLEMENTED', 'UNKNOWN_METHOD: its service has no such method'],
  [EXCEPTION.invalidMessageType]: ['INTERNAL', 'INVALID_MESSAGE_TYPE'],
  [EXCEPTION.wrongMethodName]: ['INTERNAL', 'WRONG_METHOD_NAME'],
  [EXCEPTION.badSequenceId]: ['INTERNAL', 'BAD_SEQUENCE_ID'],
  [EXCEPTION.missingResult]: ['INTERNAL', 'MISSING_RESULT'],
  [EXCEPTION.internalError]: ['INTERNAL', 'INTERNAL_ERROR'],
  [EXCEPTION.protocolError]: ['INTERNAL', 'PROTOCOL_ERROR: it could not read the call'],
}
