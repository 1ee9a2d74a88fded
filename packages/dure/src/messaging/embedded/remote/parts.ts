import type { Issue, JsonSchema, Schema } from '../../../contract/contract.ts'

/** One piece of a schema of plain data: what it looks like in documents, and what is wrong with a value. */
export type Part<T> = {
  readonly json: JsonSchema
  /** The first thing wrong, with its place; undefined when nothing is. */
  readonly wrong: (value: unknown) => Issue | undefined
  readonly optional?: boolean
  /** Only for the compiler. */
  readonly type?: T
}

// The broker's own contract is written without a schema library, because `dure` depends on none.

export const text: Part<string> = { json: { type: 'string' }, wrong: (value) => unless(typeof value === 'string', 'a string') }
export const number: Part<number> = {
  json: { type: 'number' },
  wrong: (value) => unless(typeof value === 'number', 'a number'),
}
export const flag: Part<boolean> = {
  json: { type: 'boolean' },
  wrong: (value) => unless(typeof value === 'boolean', 'a boolean'),
}

export function word<const Word extends string>(...words: readonly Word[]): Part<Word> {
  return {
    json: { type: 'string', enum: words },
    wrong: (value) => unless((words as readonly unknown[]).includes(value), `one of ${words.join(', ')}`),
  }
}

/** What may be left out. */
export function maybe<T>(part: Part<T>): Part<T | undefined> {
  return { json: part.json, optional: true, wrong: (value) => (value === undefined ? undefined : part.wrong(value)) }
}

export function list<T>(part: Part<T>): Part<readonly T[]> {
  return {
    json: { type: 'array', items: part.json },
    wrong: (value) => {
      if (!Array.isArray(value)) return unless(false, 'a list')
      for (let i = 0; i < value.length; i++) {
        const issue = part.wrong(value[i])
        if (issue !== undefined) return { ...issue, path: [i, ...issue.path] }
      }
      return undefined
    },
  }
}

/** A part for every field of T, those included that may be left out. */
export function record<T>(fields: { readonly [K in keyof T]-?: Part<T[K]> }): Part<T> {
  const entries = Object.entries(fields) as [string, Part<unknown>][]
  return {
    json: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([key, part]) => [key, part.json])),
      required: entries.filter(([, part]) => part.optional !== true).map(([key]) => key),
    },
    wrong: (value) => {
      if (typeof value !== 'object' || value === null) return unless(false, 'an object')
      for (const [key, part] of entries) {
        const issue = part.wrong(Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined)
        if (issue !== undefined) return { ...issue, path: [key, ...issue.path] }
      }
      return undefined
    },
  }
}

/** The part as a Standard Schema: what fits comes out as it is. */
export function schemaOf<T>(part: Part<T>): Schema<T> {
  const draw = (): Record<string, unknown> => ({ ...part.json })
  return {
    '~standard': {
      version: 1,
      vendor: 'dure',
      validate: (value) => {
        const issue = part.wrong(value)
        return issue === undefined ? { value: value as T } : { issues: [issue] }
      },
      jsonSchema: { input: draw, output: draw },
    },
  }
}

export function unless(right: boolean, wanted: string): Issue | undefined {
  return right ? undefined : { path: [], message: `Expected ${wanted}` }
}
