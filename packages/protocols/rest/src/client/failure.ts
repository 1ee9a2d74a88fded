import { CallError, DeclaredError, STATUSES, type AnyOperation, type ErrorTypes, type Issue, type Status } from 'dure/contract'
import { REFUSALS, type RefusalCode } from 'dure/contract/internal'
import { NOT_BEGUN } from 'dure/call/internal'
import { statusOfHttp } from 'dure/door/internal'
import { STATUS_CODES } from 'node:http'
import { issuePath } from '../problem.ts'
import { isObject } from 'dure/door/internal'
import { answerReader, readJson, type Answer } from './answer.ts'

/** An answer that is no success. */
export type FailedAnswer = { readonly status: number; readonly type: string; readonly body: Uint8Array }

/**
 * Compiles the way from an answer that is no success to what its caller is told: the operation's declared errors and canonical
 * codes from problem documents as our doors write them; of anybody else's, a canonical code by status, and no word of the body.
 */
export function failureReader(place: string, operation: AnyOperation): (answer: FailedAnswer) => Error | Promise<Error> {
  const declared = new Map(
    Object.values(operation.errors as ErrorTypes).map((type) => [type.code as string, { type, read: answerReader(type.data) }]),
  )
  return (answer) => {
    const document = problemIn(answer)
    if (document === undefined) return byStatus(place, answer)
    const { code, data } = document
    const known = declared.get(code)
    if (known !== undefined) {
      const message = wordsOf(document, `Call to ${place} failed with "${code}"`)
      const settled = (read: Answer): Error =>
        read.ok
          ? new DeclaredError({ code, status: known.type.status, message, data: read.value })
          : new CallError('INTERNAL', `Call to ${place} failed with "${code}", whose data do not match its contract`)
      const read = known.read(data)
      return read instanceof Promise ? read.then(settled) : settled(read)
    }
    if (Object.hasOwn(STATUSES, code)) return canonical(place, code as Status, document)
    return Object.hasOwn(REFUSALS, code) ? refusal(place, code as RefusalCode) : byStatus(place, answer)
  }
}

/** The same of a line of a stream that broke off. */
export function brokenOff(read: ReturnType<typeof failureReader>, problem: unknown): Error | Promise<Error> {
  return read({ status: 500, type: 'application/problem+json', body: Buffer.from(JSON.stringify(problem)) })
}

type Document = { readonly code: string; readonly detail?: unknown; readonly errors?: unknown; readonly data?: unknown }

function problemIn({ type, body }: FailedAnswer): Document | undefined {
  if (!/^application\/problem\+json\b/i.test(type)) return undefined
  const read = readJson(body)
  return read.ok && isObject(read.json) && typeof read.json['code'] === 'string' ? (read.json as unknown as Document) : undefined
}

/** Characters of a failure's words, at most: as of any other failure. */
const LONGEST_WORDS = 8_000

function wordsOf({ detail }: Document, otherwise: string): string {
  return typeof detail === 'string' && detail !== '' ? detail.slice(0, LONGEST_WORDS) : otherwise
}

function canonical(place: string, code: Status, document: Document): CallError {
  // What our doors say then is where its reason is logged.
  if (code === 'INTERNAL') return new CallError(code, `Call to ${place} failed inside the service; its log says why`)
  if (code === 'UNKNOWN') return new CallError(code, `Call to ${place} failed: the handler threw a value that is not an Error`)
  const issues = issuesOf(document.errors)
  return new CallError(code, wordsOf(document, `Call to ${place} failed: ${STATUSES[code].meaning}`), {
    ...(issues !== undefined && { details: { issues } }),
  })
}

function issuesOf(errors: unknown): readonly Issue[] | undefined {
  if (!Array.isArray(errors)) return undefined
  return errors.flatMap((one: unknown) => {
    const { path, message } = (one ?? {}) as { readonly path?: unknown; readonly message?: unknown }
    return typeof message === 'string' ? [{ path: typeof path === 'string' ? issuePath(path) : [], message }] : []
  })
}

/** What a door of ours refuses before the service has heard of it. */
function refusal(place: string, code: RefusalCode): CallError {
  const words = `Call to ${place} was refused by the door of its service: ${code} (${REFUSALS[code].meaning})`
  return new CallError(REFUSED[code], words, { details: NOT_BEGUN, inside: true })
}

const REFUSED: Readonly<Record<RefusalCode, Status>> = {
  MALFORMED_REQUEST: 'INVALID_ARGUMENT',
  MALFORMED_JSON: 'INVALID_ARGUMENT',
  INVALID_HEADER: 'INVALID_ARGUMENT',
  PATH_NOT_FOUND: 'UNIMPLEMENTED',
  METHOD_NOT_ALLOWED: 'UNIMPLEMENTED',
  REQUEST_TIMEOUT: 'UNAVAILABLE',
  BODY_TOO_LARGE: 'INVALID_ARGUMENT',
  PATH_TOO_LONG: 'INVALID_ARGUMENT',
  UNSUPPORTED_MEDIA_TYPE: 'UNIMPLEMENTED',
  HEADERS_TOO_LARGE: 'INVALID_ARGUMENT',
  OVERLOADED: 'RESOURCE_EXHAUSTED',
}

function byStatus(place: string, { status }: FailedAnswer): CallError {
  const name = STATUS_CODES[status] === undefined ? '' : ` ${STATUS_CODES[status]}`
  const why = status >= 300 && status < 400 ? `${status}${name}, and redirects are not followed` : `${status}${name}`
  return new CallError(statusOfHttp(status), `Call to ${place} failed: it was answered with ${why}`)
}
