/** What an operation answers, well or not, as OpenAPI shows it: declared errors and everything else are problem documents. */
import { needsPrincipal } from './access.ts'
import { pascal, type Components } from './components.ts'
import { STATUSES, type ErrorType, type Status } from './errors.ts'
import { shown } from './json-schema.ts'
import { isSchema, mapSchemas, unlike } from './keywords.ts'
import type { AnyOperation } from './operation.ts'
import type { Outcome } from './outcome.ts'
import { REFUSALS, type RefusalCode } from './refusals.ts'
import type { Route } from './route.ts'
import type { AnySchema, JsonSchema } from './schema.ts'

type Json = Readonly<Record<string, unknown>>

/** A route, and whether it takes an idempotency key. */
type ProblemRoute = Route & { readonly once: boolean }

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
  if (needsPrincipal(operation)) canonical.push('UNAUTHENTICATED', 'PERMISSION_DENIED')
  // A key that is still in use, or was used for another input.
  if (route.once) canonical.push('ABORTED')
  const declared = new Map<number, ErrorType<string, AnySchema | undefined>[]>()
  for (const each of Object.values(operation.errors as Record<string, ErrorType<string, AnySchema | undefined>>))
    declared.set(each.http, [...(declared.get(each.http) ?? []), each])
  const found: Record<string, unknown> = {}
  const undeclared = [...canonical.map((code) => [code, STATUSES[code]] as const), ...refusedBy(route)]
  for (const [code, { http, meaning }] of undeclared) {
    const errors = declared.get(http)
    if (errors !== undefined) found[http] = declaredResponse(http, errors, book, [meaning])
    else {
      if (code in STATUSES) statuses.add(code as Status)
      found[http] = { $ref: `#/components/responses/${responseName(code)}` }
    }
  }
  for (const [http, errors] of declared) found[http] ??= declaredResponse(http, errors, book, [])
  return found
}

/** What a door refuses of a request before it is a call. */
export const REFUSED: readonly (readonly [RefusalCode, Outcome])[] = (
  ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'PATH_TOO_LONG'] as const
).map((code) => [code, REFUSALS[code]] as const)

function refusedBy({ method, parameters }: Route): typeof REFUSED {
  return REFUSED.filter(([code]) => (code === 'PATH_TOO_LONG' ? parameters.length > 0 : method !== 'GET'))
}

function declaredResponse(
  http: number,
  errors: readonly ErrorType<string, AnySchema | undefined>[],
  book: Components,
  others: readonly string[],
): Json {
  const schemas = errors.map((each) => book.name(declaredProblem(each, book), `${responseName(each.code)}Problem`))
  const meanings = [...errors.map((each) => each.description ?? each.code), ...others]
  const all = others.length > 0 ? [...schemas, book.name(otherProblem(http), `Other${http}Problem`)] : schemas
  return response(meanings.join('; '), all.length === 1 ? all[0]! : { anyOf: all })
}

/** What else a status may mean. Its codes are named, so that nobody takes a declared error for one of these. */
function otherProblem(http: number): JsonSchema {
  const outcomes = [...Object.entries(STATUSES), ...Object.entries(REFUSALS)]
  const codes = outcomes.filter(([, outcome]) => outcome.http === http).map(([code]) => code)
  return { ...problemSchema, properties: { ...problemSchema.properties, code: { type: 'string', enum: codes } } }
}

function declaredProblem(error: ErrorType<string, AnySchema | undefined>, book: Components): JsonSchema {
  // All of it in one object, and the code as an enumeration of one: what every generator of clients understands.
  const properties: Record<string, unknown> = { ...problemSchema.properties, code: { type: 'string', enum: [error.code] } }
  if (error.data === undefined) return { type: 'object', properties, required: problemSchema.required }
  properties.data = book.add(answered(error.data), `${responseName(error.code)}Data`)
  return { type: 'object', properties, required: [...problemSchema.required, 'data'] }
}

export const responseName = (code: string): string => pascal(...code.toLowerCase().split('_'))
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
