import { createHash } from 'node:crypto'
import { DeclaredError, type AnySchema, type Status } from '../contract/contract.ts'
import { shown, unknownFromJson, unknownToJson } from '../contract/internal.ts'

/** What an instance's code may ask of it; `rows` is a step with a transaction. */
export type EntryKind = 'step' | 'rows' | 'sleep' | 'event' | 'signal' | 'request' | 'child' | 'version'

/** `refused`: it came to a declared error. `undoing`: its undo has failed. What is `skipped` is neither done nor undone. */
export type EntryState = 'begun' | 'waiting' | 'done' | 'refused' | 'skipped' | 'undoing' | 'undone'

/** One thing that an instance's code has asked for, and what became of it: a row. */
export type Entry = {
  readonly position: number
  readonly kind: EntryKind
  readonly name: string
  /** Of its result; empty where it has none. */
  readonly schema: string
  state: EntryState
  /** Whether it can be undone. */
  readonly undo: boolean
  tries: number
  /** JSON. Null while it has none; of a request that waits its id. */
  result: string | null
  /** What went wrong last, in words; of what was refused the error itself, as JSON. */
  error: string | null
}

/** Bytes of one result, … */
export const RESULT_SIZE: number = 1024 * 1024
/** … and of all that an instance's history holds, which is in memory while it is run. */
export const HISTORY_SIZE: number = 8 * 1024 * 1024
/** Entries of one instance. */
export const MOST_STEPS = 10_000

/** How it is begun to be said that code does not fit a history. */
export const UNFIT = 'At place'

/** What has no value, as it is kept. */
export const NOTHING = '{"$dure":"undefined"}'

/** The outcome is known. */
export function isOver({ result, error, state }: Entry): boolean {
  return (result !== null && state !== 'waiting') || (state === 'refused' && error !== null) || state === 'skipped'
}

/** @throws {TypeError} for what no store can hold, saying what to do */
export function toJson(value: unknown, what: string): string {
  let text: string
  try {
    text = JSON.stringify(unknownToJson(value)).toWellFormed()
  } catch (error) {
    const why = (error as Error).message
    throw new TypeError(`Cannot keep ${what}: ${why}. To do: make it of plain values, or of nothing`, { cause: error })
  }
  const size = Buffer.byteLength(text)
  if (size <= RESULT_SIZE) return text
  throw new TypeError(
    `Cannot keep ${what}: it is ${size} bytes, and it may have ${RESULT_SIZE}. To do: store it elsewhere and keep a reference to it`,
  )
}

export function fromJson(text: string): unknown {
  return unknownFromJson(JSON.parse(text))
}

type StoredError = { readonly code: string; readonly message: string; readonly status: Status; readonly data: unknown }

export function errorToJson({ code, message, status, data }: DeclaredError): string {
  return toJson({ code, message, status, data } satisfies StoredError, `the error "${code}"`)
}

export function errorFromJson(text: string): DeclaredError {
  return new DeclaredError(fromJson(text) as StoredError)
}

const fingerprints = new WeakMap<AnySchema, string>()

/** A short text that is another one when the schema says something else. */
export function schemaOf(schema: AnySchema | undefined): string {
  if (schema === undefined) return ''
  let known = fingerprints.get(schema)
  if (known === undefined) fingerprints.set(schema, (known = digest(JSON.stringify(shown(schema, 'output')))))
  return known
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

/** Which way an instance has come; those of one way have asked for the same in the same order. */
export function pathAfter(path: string, { kind, name, schema }: Pick<Entry, 'kind' | 'name' | 'schema'>): string {
  return digest(`${path} ${kind} ${name} ${schema}`)
}
