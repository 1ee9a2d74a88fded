/** What an operation answers, well or not, as OpenAPI shows it: declared errors and everything else are problem documents. */
import { pascal, type Components } from './components.ts'
import { STATUSES, type ErrorType, type Status } from './errors.ts'
import { shown, unlike } from './json-schema.ts'
import { isSchema, mapSchemas } from './keywords.ts'
import type { AnyOperation } from './operation.ts'
import type { Route } from './route.ts'
import type { AnySchema, JsonSchema } from './schema.ts'

type Json = Readonly<Record<string, unknown>>

/** A route, and whether it takes an idempotency key. */
type ProblemRoute = Route & { readonly once: boolean }

/** What a door refuses of a request before it is a call. */
export const REFUSED = {
  413: { name: 'BodyTooLarge', meaning: 'The body is larger than the limit' },
  414: { name: 'PathTooLong', meaning: 'A path parameter is longer than the limit' },
  415: { name: 'UnsupportedMediaType', meaning: 'The body is not sent as plain application/json' },
} as const

/** What comes out, with tuples as lists of as many items: programs that read answers stumble over items with places of their own. */
export function answered(schema: AnySchema): JsonSchema {
  return mapSchemas(shown(schema, 'output'), ({ prefixItems, ...each }) => {
    if (!Array.isArray(prefixItems)) return each
    const rest = isSchema(each.items) && each.maxItems !== prefixItems.length ? [each.items] : []
    return { ...each, items: { anyOf: unlike([...prefixItems, ...rest]) } }
  })
}

export function failures(operation: AnyOperation, route: ProblemRoute, book: Components, statuses: Set<Status>): Json {
  const canonical: Status[] = ['INVALID_ARGUMENT', 'INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']
  if (operation.scope !== undefined) canonical.push('UNAUTHENTICATED', 'PERMISSION_DENIED')
  // A key that is still in use, or was used for another input.
  if (route.once) canonical.push('ABORTED')
  const declared = new Map<number, ErrorType<string, AnySchema | undefined>[]>()
  for (const each of Object.values(operation.errors as Record<string, ErrorType<string, AnySchema | undefined>>))
    declared.set(each.http, [...(declared.get(each.http) ?? []), each])
  const found: Record<string, unknown> = {}
  for (const status of canonical) {
    const http = STATUSES[status].http
    const errors = declared.get(http)
    if (errors === undefined) {
      statuses.add(status)
      found[http] = { $ref: `#/components/responses/${responseName(status)}` }
    } else found[http] = declaredResponse(http, errors, book, [STATUSES[status].meaning])
  }
  for (const http of refusedBy(route)) {
    const errors = declared.get(http)
    const { name, meaning } = REFUSED[http]
    found[http] =
      errors === undefined ? { $ref: `#/components/responses/${name}` } : declaredResponse(http, errors, book, [meaning])
  }
  for (const [http, errors] of declared) found[http] ??= declaredResponse(http, errors, book, [])
  return found
}

function refusedBy({ method, parameters }: Route): readonly (keyof typeof REFUSED)[] {
  return [...(method === 'GET' ? [] : ([413, 415] as const)), ...(parameters.length > 0 ? ([414] as const) : [])]
}

function declaredResponse(
  http: number,
  errors: readonly ErrorType<string, AnySchema | undefined>[],
  book: Components,
  others: readonly string[],
): Json {
  const schemas = errors.map((each) =>
    book.name(declaredProblem(each, book), pascal(...each.code.toLowerCase().split('_'), 'problem')),
  )
  const meanings = [...errors.map((each) => each.description ?? each.code), ...others]
  const all = others.length > 0 ? [...schemas, book.name(otherProblem(http), `Other${http}Problem`)] : schemas
  return response(meanings.join('; '), all.length === 1 ? all[0]! : { anyOf: all })
}

/** What else a status may mean. Its codes are named, so that nobody takes a declared error for one of these. */
function otherProblem(http: number): JsonSchema {
  const canonical = Object.entries(STATUSES).filter(([, status]) => status.http === http)
  const codes = [...canonical.map(([code]) => code), ...(REFUSAL_CODES[http] ?? [])]
  return { ...problemSchema, properties: { ...problemSchema.properties, code: { type: 'string', enum: codes } } }
}

/** Codes of what a door refuses, by HTTP status. */
const REFUSAL_CODES: Readonly<Record<number, readonly string[]>> = {
  400: ['MALFORMED_REQUEST', 'MALFORMED_JSON', 'INVALID_HEADER'],
  404: ['PATH_NOT_FOUND'],
  413: ['BODY_TOO_LARGE'],
  414: ['PATH_TOO_LONG'],
  415: ['UNSUPPORTED_MEDIA_TYPE'],
  503: ['OVERLOADED'],
}

function declaredProblem(error: ErrorType<string, AnySchema | undefined>, book: Components): JsonSchema {
  // All of it in one object, and the code as an enumeration of one: what every generator of clients understands.
  const properties: Record<string, unknown> = { ...problemSchema.properties, code: { type: 'string', enum: [error.code] } }
  if (error.data === undefined) return { type: 'object', properties, required: problemSchema.required }
  properties.data = book.add(answered(error.data), pascal(...error.code.toLowerCase().split('_'), 'data'))
  return { type: 'object', properties, required: [...problemSchema.required, 'data'] }
}

export const responseName = (status: Status): string => pascal(...status.toLowerCase().split('_'))
export const problemRef: JsonSchema = { $ref: '#/components/schemas/Problem' }
export const response = (description: string, schema: JsonSchema): Json => ({
  description,
  content: { 'application/problem+json': { schema } },
})

// Source: RFC 9457, with `code` and what Dure adds to it.
export const problemSchema: JsonSchema & { readonly properties: JsonSchema; readonly required: readonly string[] } = {
  type: 'object',
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', format: 'uri-reference' },
    code: { type: 'string', description: 'A canonical status, or the code of a declared error' },
    errors: {
      type: 'array',
      description: 'What is wrong with the input, and where',
      items: {
        type: 'object',
        properties: { path: { type: 'string' }, message: { type: 'string' } },
        required: ['path', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'code'],
}
