/** OpenAPI 3.1 of the operations that have an HTTP mapping. */
import { components, pascal, type Components } from './components.ts'
import type { AnyContract } from './definition.ts'
import { STATUSES, type ErrorType, type Status } from './errors.ts'
import { fieldsOf, type Field } from './fields.ts'
import { shown } from './json-schema.ts'
import type { AnyOperation } from './operation.ts'
import { routeOf, type Route } from './route.ts'
import type { AnySchema, JsonSchema } from './schema.ts'
import { isSchema, resolve } from './keywords.ts'

export type DocumentOptions = {
  readonly title: string
  /** Default: the version of the only contract, or 1.0.0 for several. */
  readonly version?: string
  readonly description?: string
}

export type OpenApiOptions = DocumentOptions & {
  /** Where the operations are served: `[{ url: 'https://api.example.com' }]`. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[]
}

type Json = Readonly<Record<string, unknown>>

/**
 * Draws an OpenAPI 3.1 document. An operation is shown under its first route. Path parameters come from the
 * route; the other fields of an input are query parameters for GET and DELETE, the JSON body otherwise.
 */
export function openapi(contracts: readonly AnyContract[], options: OpenApiOptions): Json {
  const book = components()
  const paths = new Map<string, { path: string; names: readonly string[]; item: Record<string, unknown> }>()
  const statuses = new Set<Status>()
  let scoped = false
  let keyed = false
  for (const contract of contracts) {
    for (const [name, operation] of Object.entries(contract.operations as Record<string, AnyOperation>)) {
      const route = operation.http && routeOf(operation.http.routes[0])
      if (route === undefined || 'problem' in route) continue
      // Templates that differ only in the names of their parameters are one path to OpenAPI.
      const shape = route.path.replaceAll(/\{[^}]*\}/g, '{}')
      const place = paths.get(shape) ?? { path: route.path, names: route.parameters, item: {} }
      paths.set(shape, place)
      const method = route.method.toLowerCase()
      if (method in place.item) continue
      place.item[method] = drawOperation(contract.name, name, operation, { ...route, shown: place.names }, book, statuses)
      scoped ||= operation.scope !== undefined
      keyed ||= operation.kind === 'command' && !operation.idempotent
    }
  }
  const problems = [...statuses].map((status) => [responseName(status), response(STATUSES[status].meaning, problemRef)])
  return {
    openapi: '3.1.0',
    info: info(contracts, options),
    ...(options.servers !== undefined && { servers: options.servers }),
    tags: contracts.map(tagOf),
    paths: Object.fromEntries([...paths.values()].map(({ path, item }) => [path, item])),
    components: {
      schemas: { Problem: problemSchema, ...book.schemas() },
      responses: Object.fromEntries(problems) as Json,
      ...(keyed && { parameters: { IdempotencyKey: idempotencyKey } }),
      ...(scoped && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  }
}

function drawOperation(
  service: string,
  name: string,
  operation: AnyOperation,
  route: Route & { readonly shown: readonly string[] },
  book: Components,
  statuses: Set<Status>,
): Json {
  const hint = pascal(service, name)
  const { parameters, body } = drawInput(operation, route, hint, book)
  if (operation.kind === 'command' && !operation.idempotent) parameters.push({ $ref: '#/components/parameters/IdempotencyKey' })
  return {
    operationId: `${service}.${name}`,
    tags: [service],
    ...(operation.description !== undefined && { description: operation.description }),
    ...(operation.deprecated && { deprecated: true }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: body }),
    responses: { [String(operation.http!.status)]: success(operation, hint, book), ...failures(operation, book, statuses) },
    ...(operation.scope !== undefined && { security: [{ token: [operation.scope] }] }),
    'x-dure-kind': operation.kind,
    'x-dure-idempotent': operation.idempotent,
    'x-dure-deadline-ms': operation.deadline,
  }
}

function drawInput(
  operation: AnyOperation,
  route: Route & { readonly shown: readonly string[] },
  hint: string,
  book: Components,
): { parameters: Json[]; body: Json | undefined } {
  const input = operation.input as AnySchema | undefined
  if (input === undefined) return { parameters: [], body: undefined }
  const jsonSchema = shown(input, 'input')
  const fields = fieldsOf(jsonSchema) ?? new Map<string, Field>()
  const definitions = jsonSchema.$defs
  const schemaOf = (field: Field): unknown =>
    isSchema(field.schema)
      ? book.add({ ...field.schema, ...(definitions !== undefined && { $defs: definitions }) }, hint)
      : field.schema
  const parameters: Json[] = route.parameters.map((name, at) => {
    const field = fields.get(name)
    const description = isSchema(field?.schema) ? field.schema.description : undefined
    return {
      name: route.shown[at],
      in: 'path',
      required: true,
      ...(description !== undefined && { description }),
      schema: field === undefined ? {} : schemaOf(field),
    }
  })
  if (route.method === 'GET' || route.method === 'DELETE') {
    for (const [name, field] of fields) {
      // An object has no form as text.
      if (route.parameters.includes(name) || !(field.single || field.list)) continue
      const schema = schemaOf(field)
      const described = isSchema(field.schema) ? field.schema.description : undefined
      parameters.push({
        name,
        in: 'query',
        required: field.required,
        ...(described !== undefined && { description: described }),
        schema,
      })
    }
    return { parameters, body: undefined }
  }
  const rest = route.parameters.length === 0 ? jsonSchema : withoutFields(jsonSchema, jsonSchema, new Set(route.parameters))
  const left = [...fields].filter(([name]) => !route.parameters.includes(name))
  if (fields.size > 0 && left.length === 0) return { parameters, body: undefined }
  const required = fields.size === 0 ? jsonSchema['x-dure-type'] === undefined : left.some(([, field]) => field.required)
  return { parameters, body: { required, content: { 'application/json': { schema: book.name(rest, `${hint}Input`) } } } }
}

/** An input without the fields that are in the path. */
function withoutFields(root: JsonSchema, schema: JsonSchema, names: ReadonlySet<string>, depth: number = 0): JsonSchema {
  if (typeof schema.$ref === 'string' && depth < 16) {
    const target = resolve(root, schema.$ref)
    const { $ref: _ref, ...beside } = schema
    if (isSchema(target)) return withoutFields(root, { ...target, ...beside }, names, depth + 1)
  }
  const changed: Record<string, unknown> = { ...schema }
  if (isSchema(schema.properties))
    changed.properties = Object.fromEntries(Object.entries(schema.properties).filter(([name]) => !names.has(name)))
  if (Array.isArray(schema.required)) changed.required = (schema.required as string[]).filter((name) => !names.has(name))
  if (Array.isArray(changed.required) && changed.required.length === 0) delete changed.required
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const parts = schema[keyword]
    if (Array.isArray(parts))
      changed[keyword] = parts.map((part: unknown) => (isSchema(part) ? withoutFields(root, part, names, depth + 1) : part))
  }
  return changed
}

function success(operation: AnyOperation, hint: string, book: Components): Json {
  const output = operation.output as AnySchema | undefined
  const drawn = output === undefined ? undefined : shown(output, 'output')
  if (drawn === undefined || drawn['x-dure-type'] === 'undefined') return { description: 'Done' }
  const schema = book.name(drawn, `${hint}Output`)
  if (operation.kind === 'stream')
    return { description: 'The values, in order: one JSON document a line', content: { 'application/x-ndjson': { schema } } }
  return { description: 'Done', content: { 'application/json': { schema } } }
}

function failures(operation: AnyOperation, book: Components, statuses: Set<Status>): Json {
  const canonical: Status[] = ['INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']
  if (operation.input !== undefined) canonical.push('INVALID_ARGUMENT')
  if (operation.scope !== undefined) canonical.push('UNAUTHENTICATED', 'PERMISSION_DENIED')
  if (operation.kind === 'command' && !operation.idempotent) canonical.push('ABORTED')
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
    } else found[http] = declaredResponse(errors, book, [STATUSES[status].meaning])
  }
  for (const [http, errors] of declared) found[http] ??= declaredResponse(errors, book, [])
  return found
}

function declaredResponse(
  errors: readonly ErrorType<string, AnySchema | undefined>[],
  book: Components,
  others: readonly string[],
): Json {
  const schemas = errors.map((each) =>
    book.name(declaredProblem(each, book), pascal(...each.code.toLowerCase().split('_'), 'problem')),
  )
  const meanings = [...errors.map((each) => each.description ?? each.code), ...others]
  const all = others.length > 0 ? [...schemas, problemRef] : schemas
  return response(meanings.join('; '), all.length === 1 ? all[0]! : { anyOf: all })
}

function declaredProblem(error: ErrorType<string, AnySchema | undefined>, book: Components): JsonSchema {
  const properties: Record<string, unknown> = { code: { const: error.code } }
  if (error.data !== undefined)
    properties.data = book.add(shown(error.data, 'output'), pascal(...error.code.toLowerCase().split('_'), 'data'))
  return { allOf: [problemRef, { type: 'object', properties, required: Object.keys(properties) }] }
}

export function info(contracts: readonly AnyContract[], options: DocumentOptions): Json {
  const version = options.version ?? (contracts.length === 1 ? contracts[0]!.version : '1.0.0')
  return { title: options.title, version, ...(options.description !== undefined && { description: options.description }) }
}

/** A service, as documents name it. */
export function tagOf(contract: AnyContract): Json {
  const about = contract.description === undefined ? '' : `${contract.description.replace(/[.\s]*$/, '')}. `
  return {
    name: contract.name,
    description: `${about}Version ${contract.version}, owned by ${contract.owner}`,
    'x-dure-owner': contract.owner,
    'x-dure-version': contract.version,
  }
}

const responseName = (status: Status): string => pascal(...status.toLowerCase().split('_'))
const problemRef: JsonSchema = { $ref: '#/components/schemas/Problem' }
const response = (description: string, schema: JsonSchema): Json => ({
  description,
  content: { 'application/problem+json': { schema } },
})

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Makes a repeated request answer as the first did',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

// Source: RFC 9457, with `code` and what Dure adds to it.
const problemSchema: JsonSchema = {
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
