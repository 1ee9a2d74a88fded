import type { JsonSchema, Schema } from '../contract/contract.ts'

type Field = { readonly schema: JsonSchema; readonly is: (value: unknown) => boolean; readonly optional?: boolean }

const text: Field = { schema: { type: 'string' }, is: (value) => typeof value === 'string' && value.length > 0 }
const count: Field = { schema: { type: 'integer' }, is: Number.isSafeInteger }
const anything: Field = { schema: {}, is: () => true, optional: true }

/** An object of these fields: no library of schemas is needed for so few. */
function object<T>(fields: Readonly<Record<string, Field>>): Schema<T> {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema]))
  const required = Object.keys(fields).filter((name) => fields[name]!.optional !== true)
  const draw = (): JsonSchema => ({ type: 'object', properties, required, additionalProperties: false })
  return {
    '~standard': {
      version: 1,
      vendor: 'dure',
      validate: (value) => {
        const given = value as Readonly<Record<string, unknown>>
        if (typeof value !== 'object' || value === null) return { issues: [{ message: 'An object is needed' }] }
        const wrong = Object.keys({ ...fields, ...given }).filter((name) => {
          const field = Object.hasOwn(fields, name) ? fields[name]! : undefined
          if (given[name] === undefined) return field?.optional !== true
          return field === undefined || !field.is(given[name])
        })
        const issues = wrong.map((name) => ({ message: 'It is missing, unknown or of another type', path: [name] }))
        return issues.length > 0 ? { issues } : { value: { ...given } as T }
      },
      jsonSchema: { input: draw, output: draw },
    },
  }
}

export type Task = {
  readonly id: string
  readonly lease: string
  readonly request: string
  readonly key: string
  readonly correlationId: string
  /** Who began what led to it, as far as that is known. */
  readonly initiator?: string
  readonly attempt: number
  readonly data: unknown
}

/** `max` at once, of all requests or of one, each for `seconds`. */
export type Wanted = { readonly request?: string; readonly max?: number; readonly seconds?: number }
export const wanted: Schema<Wanted> = object({
  request: { ...text, optional: true },
  max: { schema: { type: 'integer', minimum: 1, maximum: 100 }, is: within(1, 100), optional: true },
  seconds: { schema: { type: 'integer', minimum: 1, maximum: 3600 }, is: within(1, 3600), optional: true },
})

function within(least: number, most: number): Field['is'] {
  return (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

const task = { id: text, lease: text, request: text, key: { ...text, is: (value: unknown) => typeof value === 'string' } }
export const tasks: Schema<{ readonly tasks: readonly Task[] }> = listOf('tasks', {
  ...task,
  correlationId: text,
  initiator: { ...text, optional: true },
  attempt: count,
  data: anything,
})

function listOf<T>(name: string, fields: Readonly<Record<string, Field>>): Schema<T> {
  const items = object(fields)['~standard']
  const schema = { type: 'array', items: items.jsonSchema.output({ target: 'draft-2020-12' }) }
  return object({ [name]: { schema, is: Array.isArray } })
}

export type Completion = {
  readonly id: string
  readonly lease: string
  readonly output?: unknown
  readonly error?: { readonly code: string; readonly data?: unknown }
}
export const completion: Schema<Completion> = object({ id: text, lease: text, output: anything, error: errorField() })

function errorField(): Field {
  const { validate, jsonSchema } = object({ code: text, data: anything })['~standard']
  return {
    schema: jsonSchema.output({ target: 'draft-2020-12' }),
    is: (value) => !('issues' in (validate(value) as object)),
    optional: true,
  }
}
