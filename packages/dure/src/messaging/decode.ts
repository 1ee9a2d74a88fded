import { type AnyEvent, type AnySchema, type Issue, type Message } from '../contract/contract.ts'
import { describeThrown, parserOf, wireOf } from '../contract/internal.ts'
import { NonRetryableError } from './non-retryable.ts'

const JSON_TYPE = 'application/json'

/** Reads a message's data as its event says; a promise only when the schema validates asynchronously. */
export type Decoder = (message: Message) => unknown

/**
 * Makes the decoder of one event: from JSON text, through the upcasts of every version between (which work on the
 * JSON form, since old schemas are gone), to the value that the schema describes.
 * The decoder throws (or rejects with) NonRetryableError naming what is wrong.
 */
export function decoderOf(event: AnyEvent): Decoder {
  const wire = wireOf(event.schema, 'output')
  const check = checkOf(event.schema)
  const right = rightOf(event)
  return (message) => {
    const json = upcast(event, message, parseJson(event, message))
    const value = wire.plain ? json : wire.fromJson(json)
    if (right.has(message)) return value
    const issues = check?.(value)
    if (issues instanceof Promise) return issues.then((found) => accept(event, message, value, found))
    accept(event, message, value, issues)
    if (Object.isFrozen(message)) right.add(message)
    return value
  }
}

/** A broker in this process brings every group the same frozen message: what one found right the others need not judge. */
const judged = new WeakMap<AnyEvent, WeakSet<Message>>()

function rightOf(event: AnyEvent): WeakSet<Message> {
  let right = judged.get(event)
  if (right === undefined) judged.set(event, (right = new WeakSet()))
  return right
}

function parseJson(event: AnyEvent, message: Message): unknown {
  const { contentType = JSON_TYPE } = message
  if (!/^application\/([\w.]+\+)?json\b/i.test(contentType))
    throw new NonRetryableError(
      `Cannot read message "${message.id}" of "${event.name}": its data are "${contentType}", and "${JSON_TYPE}" is needed`,
    )
  try {
    return JSON.parse(message.data)
  } catch (error) {
    throw new NonRetryableError(
      `Cannot read message "${message.id}" of "${event.name}": its data are not JSON (${(error as Error).message})`,
    )
  }
}

function upcast(event: AnyEvent, message: Message, json: unknown): unknown {
  const { schemaVersion } = message
  if (schemaVersion === event.version) return json
  const cannot = (why: string): NonRetryableError =>
    new NonRetryableError(`Cannot read message "${message.id}" of "${event.name}" in version ${schemaVersion}: ${why}`)
  if (schemaVersion > event.version || schemaVersion < 1 || !Number.isInteger(schemaVersion)) {
    throw cannot(`this consumer knows versions 1 to ${event.version}; deploy one that knows it and try again`)
  }
  let value = json
  for (let version = schemaVersion; version < event.version; version++) {
    const step = event.upcast[version]
    if (!step) throw cannot(`there is no upcast from version ${version} to ${version + 1}; declare one and try again`)
    try {
      value = step(value)
    } catch (error) {
      throw cannot(`the upcast from version ${version} failed (${describeThrown(error).message})`)
    }
  }
  return value
}

function accept(event: AnyEvent, message: Message, value: unknown, issues: readonly Issue[] | undefined): unknown {
  if (issues === undefined || issues.length === 0) return value
  const [first] = issues
  const where = first!.path.length === 0 ? '' : ` at "${first!.path.join('.')}"`
  throw new NonRetryableError(
    `Cannot read message "${message.id}" of "${event.name}": it does not match the schema${where}: ${first!.message}`,
  )
}

type Check = (value: unknown) => readonly Issue[] | undefined | Promise<readonly Issue[] | undefined>

/**
 * The publisher has parsed the value already, and parsing twice would apply transforms twice. So the schema only
 * judges here, and only where its input and its output are of one shape.
 */
function checkOf(schema: AnySchema): Check | undefined {
  let same: boolean
  try {
    same = shape(wireOf(schema, 'input').jsonSchema) === shape(wireOf(schema, 'output').jsonSchema)
  } catch {
    // The input side cannot be drawn: then it is not the shape of the output.
    return undefined
  }
  if (!same) return undefined
  const parse = parserOf(schema, 'output')
  return (value) => {
    const parsed = parse(value)
    if (parsed instanceof Promise) return parsed.then((result) => (result.ok ? undefined : result.issues))
    return parsed.ok ? undefined : parsed.issues
  }
}

/** Defaults and the strictness of objects differ between the two sides of one and the same shape. */
const LOOSE: ReadonlySet<string> = new Set(['required', 'default', 'additionalProperties'])

function shape(jsonSchema: unknown): string {
  return JSON.stringify(jsonSchema, (key, value: unknown) => (LOOSE.has(key) && !isSchema(value) ? undefined : value))
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}
