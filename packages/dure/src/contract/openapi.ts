/** OpenAPI 3.1 of the operations that have an HTTP mapping. */
import { needsPrincipal } from './access.ts'
import { components, pascal, type Components } from './components.ts'
import type { AnyContract } from './definition.ts'
import { STATUSES, type Status } from './errors.ts'
import { fieldsOf, type Field } from './fields.ts'
import { answered, failures, problemRef, problemSchema, REFUSED, response, responseName } from './answers.ts'
import { closed, shown } from './json-schema.ts'
import type { AnyOperation } from './operation.ts'
import { routesOf, type Route } from './route.ts'
import type { AnySchema, JsonSchema } from './schema.ts'
import { typeOf } from './type-of.ts'
import { wireOf } from './wire.ts'
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
  /** Whether a service can know an idempotency key again, which takes a database. Default: every service can. */
  readonly remembers?: (service: string) => boolean
  /** What the door does with fields that an input does not have. Default `refuse`. */
  readonly unknownFields?: 'refuse' | 'drop'
}

type Json = Readonly<Record<string, unknown>>

/**
 * Draws an OpenAPI 3.1 document. An operation is shown under each of its routes. Path parameters come from the
 * route; the other fields of an input are query parameters for GET and DELETE, the JSON body otherwise.
 *
 * @example
 * ```ts
 * import { contract, openapi, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Stock = contract('stock', {
 *   version: '1.0.0',
 *   owner: 'team-warehouse',
 *   operations: { count: query({ input: z.object({ sku: z.string() }), output: z.int(), http: 'GET /stock/{sku}' }) },
 * })
 * console.log(Object.keys(openapi([Stock], { title: 'Shop' })['paths'] as object)) // → [ '/stock/{sku}' ]
 * ```
 */
export function openapi(contracts: readonly AnyContract[], options: OpenApiOptions): Json {
  const { remembers = () => true, unknownFields = 'refuse' } = options
  const book = components()
  const paths = new Map<string, { path: string; names: readonly string[]; item: Record<string, unknown> }>()
  const statuses = new Set<Status>()
  let scoped = false
  let keyed = false
  for (const contract of contracts) {
    for (const [name, operation] of Object.entries(contract.operations as Record<string, AnyOperation>)) {
      const once = operation.kind === 'command' && !operation.idempotent && remembers(contract.name)
      for (const [at, route] of routesOf(operation.bindings.http).entries()) {
        // Templates that differ only in the names of their parameters are one path to OpenAPI.
        const shape = route.identity.slice(route.method.length)
        const place = paths.get(shape) ?? { path: route.path, names: route.parameters, item: {} }
        paths.set(shape, place)
        const method = route.method.toLowerCase()
        if (method in place.item) continue
        const id = `${contract.name}.${name}${at === 0 ? '' : `.${at + 1}`}`
        const drawn: DrawnRoute = { ...route, id, shown: place.names, once, closed: unknownFields === 'refuse' }
        place.item[method] = drawOperation(contract.name, name, operation, drawn, book, statuses)
        scoped ||= needsPrincipal(operation)
        keyed ||= once
      }
    }
  }
  const problems = [...statuses].map((status) => [responseName(status), response(STATUSES[status].meaning, problemRef)])
  return {
    openapi: '3.1.0',
    info: info(contracts, options),
    servers: options.servers ?? [{ url: '/' }],
    security: [],
    tags: contracts.map(tagOf),
    paths: Object.fromEntries([...paths.values()].map(({ path, item }) => [path, item])),
    components: {
      schemas: { Problem: problemSchema, ...book.schemas() },
      responses: {
        ...(Object.fromEntries(problems) as Json),
        ...Object.fromEntries(REFUSED.map(([code, { meaning }]) => [responseName(code), response(meaning, problemRef)])),
        Problem: response('Whatever else may go wrong', problemRef),
      },
      ...(keyed && { parameters: { IdempotencyKey: idempotencyKey } }),
      ...(scoped && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  }
}

/** A route as the document shows it. */
type DrawnRoute = Route & {
  /** `orders.place`; `orders.place.2` for its second route. */
  readonly id: string
  /** Names of the parameters in the path, in order. */
  readonly shown: readonly string[]
  /** Takes an idempotency key. */
  readonly once: boolean
  /** Refuses fields that the input does not have. */
  readonly closed: boolean
}

function drawOperation(
  service: string,
  name: string,
  operation: AnyOperation,
  route: DrawnRoute,
  book: Components,
  statuses: Set<Status>,
): Json {
  const hint = pascal(service, name)
  const { parameters, body } = drawInput(operation, route, hint, book)
  if (route.once) parameters.push({ $ref: '#/components/parameters/IdempotencyKey' })
  return {
    operationId: route.id,
    tags: [service],
    summary: summaryOf(name, operation),
    ...(operation.description !== undefined && { description: operation.description }),
    ...(operation.deprecated && { deprecated: true }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: body }),
    responses: {
      [String(operation.bindings.http!.status)]: success(operation, hint, book),
      ...failures(operation, route, book, statuses),
      default: { $ref: '#/components/responses/Problem' },
    },
    ...(needsPrincipal(operation) && { security: [{ token: operation.scope === undefined ? [] : [operation.scope] }] }),
    ...(operation.roles !== undefined && { 'x-dure-roles': operation.roles }),
    'x-dure-kind': operation.kind,
    'x-dure-idempotent': operation.idempotent,
    'x-dure-deadline-ms': operation.deadline,
    ...(operation.policy !== undefined && { 'x-dure-policy': operation.policy }),
  }
}

/** The first sentence of the description, or the name in words: `placeOrder` → `Place order`. */
function summaryOf(name: string, { description }: AnyOperation): string {
  const words = name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return /^[^.\n]{1,120}/.exec(description ?? '')?.[0].trim() || words.charAt(0).toUpperCase() + words.slice(1)
}

function drawInput(
  operation: AnyOperation,
  route: DrawnRoute,
  hint: string,
  book: Components,
): { parameters: Json[]; body: Json | undefined } {
  const input = operation.input as AnySchema | undefined
  if (input === undefined) return { parameters: [], body: undefined }
  const jsonSchema = route.closed ? closed(shown(input, 'input')) : shown(input, 'input')
  const object = fieldsOf(typeOf(jsonSchema))
  const fields = object ?? new Map<string, Field>()
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
        // Nothing at all may be sent for an input that is optional as a whole.
        required: field.required && !wireOf(input, 'input').optional,
        ...(described !== undefined && { description: described }),
        schema,
      })
    }
    return { parameters, body: undefined }
  }
  const rest = route.parameters.length === 0 ? jsonSchema : withoutFields(jsonSchema, jsonSchema, new Set(route.parameters))
  const left = [...fields].filter(([name]) => !route.parameters.includes(name))
  if (fields.size > 0 && left.length === 0) return { parameters, body: undefined }
  // What is not sent is nothing, or an object without fields.
  const required = !wireOf(input, 'input').optional && (object === undefined || left.some(([, field]) => field.required))
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
  const drawn = output === undefined ? undefined : answered(output)
  if (drawn === undefined || drawn['x-dure-type'] === 'undefined') return { description: 'Done' }
  const schema = book.name(drawn, `${hint}Output`)
  if (operation.kind === 'stream')
    return { description: 'The values, in order: one JSON document a line', content: { 'application/x-ndjson': { schema } } }
  return { description: 'Done', content: { 'application/json': { schema } } }
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

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Makes a repeated request answer as the first did',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
}
