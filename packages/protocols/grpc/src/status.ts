/** How gRPC says what has become of a call: a number, a text, and Google's messages with what a program needs. */
import type { Http2Headers } from '@dure/http2'
import { DeclaredError, STATUSES, type Issue, type Status } from 'dure/contract'
import type { Failure } from 'dure/door/internal'
import { createCodecs, type Codec } from './protobuf/codec.ts'
import { messagesIn } from './protobuf/table.ts'

/** In gRPC's order: `CANCELLED` is 1. */
const NAMES: readonly Status[] = [
  ...(['CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'] as const),
  ...(['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'] as const),
  ...(['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'] as const),
]
const NUMBERS = new Map(NAMES.map((name, at) => [name, at + 1]))

export const numberOf = (status: Status): number => NUMBERS.get(status)!
export const statusOf = (number: number): Status => NAMES[number - 1] ?? 'UNKNOWN'

const MESSAGES = messagesIn({
  Status: { code: [1, 'int32'], message: [2, 'string'], details: [3, 'Any', 'list'] },
  Any: { typeUrl: [1, 'string'], value: [2, 'bytes'] },
  ErrorInfo: { reason: [1, 'string'], domain: [2, 'string'], metadata: [3, 'string', 'record'] },
  BadRequest: { fieldViolations: [1, 'FieldViolation', 'list'] },
  FieldViolation: { field: [1, 'string'], description: [2, 'string'] },
})
const codecs = createCodecs()
const CODECS = { Status: codecs(MESSAGES.Status), ErrorInfo: codecs(MESSAGES.ErrorInfo), BadRequest: codecs(MESSAGES.BadRequest) }

type Any = { readonly typeUrl: string; readonly value: Uint8Array }
type RpcStatus = { readonly code: number; readonly message: string; readonly details: readonly Any[] }

const url = (name: string): string => `type.googleapis.com/${name}`
/** More does not fit into the headers that clients read. */
const MOST_DETAILS = 4096

/** The data of declared errors, by code. */
export type ErrorData = ReadonlyMap<string, { readonly name: string; readonly codec: Codec }>

/**
 * What a failure is in trailers. Of a declared error `ErrorInfo` has the code, and a message of the contract's own its data; of a wrong
 * input `BadRequest` says where it is wrong.
 * @param domain the package whose codes these are
 */
export function trailersOf(
  failure: Failure,
  about: { readonly error: unknown; readonly domain: string; readonly data: ErrorData },
): Http2Headers {
  const code = numberOf(failure.status)
  const message = failure.message
  const trailers: [string, string][] = [
    ['grpc-status', String(code)],
    ['grpc-message', percentEncoded(message)],
  ]
  const details = detailsOf(failure, about)
  if (details.length > 0) {
    const bytes = CODECS.Status.encode({ code, message, details } satisfies RpcStatus)
    trailers.push(['grpc-status-details-bin', bytes.toString('base64').replace(/=+$/, '')])
  }
  return trailers
}

function detailsOf({ by, code, issues }: Failure, { error, domain, data }: Parameters<typeof trailersOf>[1]): readonly Any[] {
  const details: Any[] = []
  let size = 0
  const add = (name: string, value: Uint8Array): void => {
    if ((size += value.length) <= MOST_DETAILS) details.push({ typeUrl: url(name), value })
  }
  if (by === 'contract' || !(code in STATUSES))
    add('google.rpc.ErrorInfo', CODECS.ErrorInfo.encode({ reason: code, domain, metadata: {} }))
  const own = by === 'contract' && error instanceof DeclaredError ? data.get(code) : undefined
  if (own !== undefined) add(own.name, own.codec.encode((error as DeclaredError<string, unknown>).data))
  if (issues !== undefined && issues.length > 0) {
    const fieldViolations = issues.slice(0, 20).map(({ path, message }) => ({ field: path.join('.'), description: message }))
    add('google.rpc.BadRequest', CODECS.BadRequest.encode({ fieldViolations }))
  }
  return details
}

/** What the details of a status say: the code of a declared error and its data, or what is wrong with the input. */
export function readDetails(bytes: Uint8Array): {
  readonly reason: string | undefined
  readonly domain: string | undefined
  /** By the name of their message. */
  readonly others: ReadonlyMap<string, Uint8Array>
  readonly issues: readonly Issue[] | undefined
} {
  const { details } = CODECS.Status.decode(bytes) as RpcStatus
  const others = new Map(details.map(({ typeUrl, value }) => [typeUrl.slice(typeUrl.lastIndexOf('/') + 1), value]))
  const info = others.get('google.rpc.ErrorInfo')
  const bad = others.get('google.rpc.BadRequest')
  const { reason, domain } = (info === undefined ? {} : CODECS.ErrorInfo.decode(info)) as { reason?: string; domain?: string }
  const violations = bad && (CODECS.BadRequest.decode(bad) as { fieldViolations: { field: string; description: string }[] })
  const issues = violations?.fieldViolations.map(({ field, description }) => ({
    ...{ path: field === '' ? [] : field.split('.'), message: description },
  }))
  return { reason, domain, others, issues }
}

/** A text in a header: what is no visible ASCII, as its bytes in UTF-8. */
function percentEncoded(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text
  return Array.from(Buffer.from(text.toWellFormed()), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}
