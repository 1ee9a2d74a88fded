/** What a GraphQL service of others has answered: a value of the contract, or the failure that its errors say. */
import { CallError, DeclaredError, STATUSES, type ErrorTypes, type Issue, type Status } from 'dure/contract'
import { wireOf, type OperationTypes } from 'dure/contract/internal'
import { isObject, statusOfHttp } from 'dure/door/internal'
import type { readerOf } from './values.ts'

export type GraphqlAnswer = {
  /** `orders.place` */
  readonly place: string
  readonly field: string
  readonly http: number
  readonly bytes: Buffer
}

/** Characters of a failure's words, at most: as of any other failure. */
const LONGEST_WORDS = 8_000
/** What servers of others say by convention, as Apollo Server began it. */
const CONVENTIONS: Readonly<Record<string, Status>> = {
  FORBIDDEN: 'PERMISSION_DENIED',
  BAD_USER_INPUT: 'INVALID_ARGUMENT',
  BAD_REQUEST: 'INVALID_ARGUMENT',
  GRAPHQL_VALIDATION_FAILED: 'UNIMPLEMENTED',
  PERSISTED_QUERY_NOT_SUPPORTED: 'UNIMPLEMENTED',
}

/** Compiles the way from an answer to a value, or to the error that is thrown. */
export function answerReader(
  { output, operation }: OperationTypes,
  reader: ReturnType<typeof readerOf>,
): (answer: GraphqlAnswer) => unknown {
  const read = reader(output)
  const declared = new Map(Object.values(operation.errors as ErrorTypes).map((type) => [type.code as string, type]))
  const failure = (first: unknown, { place, http }: GraphqlAnswer): Error => {
    const { message: words, extensions } = isObject(first) ? first : ({} as Record<string, unknown>)
    const said = isObject(extensions) ? extensions : {}
    const code = typeof said['code'] === 'string' ? said['code'] : ''
    const message = typeof words === 'string' && words !== '' ? words.slice(0, LONGEST_WORDS) : `Call to ${place} failed`
    const known = declared.get(code)
    if (known !== undefined) {
      const data = known.data === undefined ? undefined : wireOf(known.data, 'output').fromJson(said['data'])
      return new DeclaredError({ code, status: known.status, message, data })
    }
    const status = Object.hasOwn(STATUSES, code) ? (code as Status) : CONVENTIONS[code]
    if (status === undefined || status === 'INTERNAL' || status === 'UNKNOWN') {
      const by = http === 200 ? (status ?? 'UNKNOWN') : statusOfHttp(http)
      return new CallError(by, `Call to ${place} failed inside the service; its log says why`, { inside: true })
    }
    const issues = issuesOf(said['issues'])
    return new CallError(status, message, issues.length === 0 ? {} : { details: { issues } })
  }
  return (answer) => {
    const { place, field, http, bytes } = answer
    const no = (why: string): CallError => new CallError('INTERNAL', `Call to ${place} failed: its answer ${why}`)
    let body: unknown
    try {
      body = JSON.parse(bytes.toString())
    } catch {
      body = undefined
    }
    if (!isObject(body) || (body['data'] === undefined && body['errors'] === undefined))
      return http === 200
        ? no('is none of GraphQL')
        : new CallError(statusOfHttp(http), `Call to ${place} failed: it was answered with ${http}`)
    const { data, errors } = body
    // A part of an answer is none: the contract promises all of it.
    if (Array.isArray(errors) && errors.length > 0) return failure(errors[0], answer)
    const value = isObject(data) ? data[field] : undefined
    if (value === undefined) return no(`has no "${field}"`)
    if (output.kind === 'nothing') return undefined
    try {
      if (value === null && !output.nullable && output.kind !== 'json') return no('is null, which the contract does not allow')
      return read(value)
    } catch (error) {
      return no(`does not match the contract: ${(error as Error).message}`)
    }
  }
}

function issuesOf(given: unknown): Issue[] {
  return (Array.isArray(given) ? given : []).flatMap((one: unknown) => {
    const { path, message } = isObject(one) ? one : ({} as Record<string, unknown>)
    return typeof message === 'string' ? [{ path: Array.isArray(path) ? (path as (string | number)[]) : [], message }] : []
  })
}
