import type { AnyEvent } from './event.ts'
import { parserOf } from './parse.ts'
import type { AnySchema, Issue } from './schema.ts'
import { describeThrown } from './thrown.ts'
import { wireOf } from './wire.ts'

/** An event as it was written: JSON text, in a version of its schema. */
export type Written = { readonly data: string; readonly schemaVersion: number }

/** Reads data as their event says; a promise only when the schema validates asynchronously. */
export type Decoder<W extends Written = Written> = (written: W) => unknown

/** Makes the error for what cannot be read: `Cannot read ${what}${why}`. */
export type Unreadable<W extends Written> = (written: W, why: string) => Error

/**
 * Makes the decoder of one event: from JSON text, through the upcasts of every version between (which work on the
 * JSON form, since old schemas are gone), to the value that the schema describes.
 * The decoder throws (or rejects with) what `unreadable` makes of what is wrong.
 */
export function decoderOf<W extends Written>(event: AnyEvent, unreadable: Unreadable<W>): Decoder<W> {
  const wire = wireOf(event.schema, 'output')
  const check = checkOf(event.schema)
  const right = rightOf(event)
  return (written) => {
    const json = upcast(event, written, parseJson(written, unreadable), unreadable)
    const value = wire.plain ? json : wire.fromJson(json)
    if (right.has(written)) return value
    const issues = check?.(value)
    if (issues instanceof Promise) return issues.then((found) => accept(written, value, found, unreadable))
    accept(written, value, issues, unreadable)
    if (Object.isFrozen(written)) right.add(written)
    return value
  }
}

/** A broker in this process brings every group the same frozen message: what one found right the others need not judge. */
const judged = new WeakMap<AnyEvent, WeakSet<Written>>()

function rightOf(event: AnyEvent): WeakSet<Written> {
  let right = judged.get(event)
  if (right === undefined) judged.set(event, (right = new WeakSet()))
  return right
}

function parseJson<W extends Written>(written: W, unreadable: Unreadable<W>): unknown {
  try {
    return JSON.parse(written.data)
  } catch (error) {
    throw unreadable(written, `: its data are not JSON (${(error as Error).message})`)
  }
}

function upcast<W extends Written>(event: AnyEvent, written: W, json: unknown, unreadable: Unreadable<W>): unknown {
  const { schemaVersion } = written
  if (schemaVersion === event.version) return json
  const cannot = (why: string): Error => unreadable(written, ` in version ${schemaVersion}: ${why}`)
  if (schemaVersion > event.version || schemaVersion < 1 || !Number.isInteger(schemaVersion)) {
    throw cannot(`this program knows versions 1 to ${event.version}; deploy one that knows it and try again`)
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

function accept<W extends Written>(
  written: W,
  value: unknown,
  issues: readonly Issue[] | undefined,
  unreadable: Unreadable<W>,
): unknown {
  if (issues === undefined || issues.length === 0) return value
  const [first] = issues
  const where = first!.path.length === 0 ? '' : ` at "${first!.path.join('.')}"`
  throw unreadable(written, `: it does not match the schema${where}: ${first!.message}`)
}

type Check = (value: unknown) => readonly Issue[] | undefined | Promise<readonly Issue[] | undefined>

/**
 * The publisher has parsed the value already, and parsing twice would apply transforms twice. So the schema only
 * judges here, and only where its input and its output are of one shape.
 */
function checkOf(schema: AnySchema): Check | undefined {
  if (!hasOneShape(schema)) return undefined
  const parse = parserOf(schema, 'output')
  return (value) => {
    const parsed = parse(value)
    if (parsed instanceof Promise) return parsed.then((result) => (result.ok ? undefined : result.issues))
    return parsed.ok ? undefined : parsed.issues
  }
}

/** Whether what a schema takes and what it makes are of one shape, so that it can judge what it made itself. */
export function hasOneShape(schema: AnySchema): boolean {
  try {
    return shape(wireOf(schema, 'input').jsonSchema) === shape(wireOf(schema, 'output').jsonSchema)
  } catch {
    // The input side cannot be drawn: then it is not the shape of the output.
    return false
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
