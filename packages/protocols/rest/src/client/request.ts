import type { AnyOperation, Issue } from 'dure/contract'
import { fieldsOf, type Route } from 'dure/contract/internal'
import type { Coercion } from '../coerce.ts'
import { coercionsOf, mappingOf } from '../mapping.ts'
import { isObject } from 'dure/door/internal'

/** What of an input is in a request; or why the request would say something else. */
export type Written =
  | { readonly ok: true; readonly path: string; readonly body: string | undefined }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Compiles the way from an operation's input to a request, the reverse of `inputReader`: path parameters, then body or query.
 * What a request cannot say so that it is read as it was meant is refused, and nothing is sent.
 */
export function requestWriter(operation: AnyOperation, route: Route): (input: unknown) => Written {
  const { input, hasBody, pathParameters } = mappingOf(operation, route)
  const segments = route.path.split('/').map((text) => ({ text, name: /^\{(.*)\}$/.exec(text)?.[1] }))
  if (input === undefined) return () => ({ ok: true, path: route.path, body: undefined })
  const { wire, type } = input
  const coercions = coercionsOf(type)
  const fields = fieldsOf(type)
  // Of an input that is in the path as a whole, a body would say nothing.
  const always = fields === undefined || [...fields.keys()].some((name) => !pathParameters.includes(name))
  const lists = emptyLists(fields)

  return (given) => {
    const wrong = wire.check(given)
    if (wrong !== undefined) return refused(wrong.message, wrong.path)
    const json = wire.toJson(given)
    if (json === undefined)
      return wire.optional && pathParameters.length === 0
        ? { ok: true, path: route.path, body: undefined }
        : refused('Expected an input')
    if (!isObject(json)) {
      if (hasBody && pathParameters.length === 0) return { ok: true, path: route.path, body: JSON.stringify(json) }
      return refused('Expected an object, because the path and query are made of its fields')
    }
    const left: Record<string, unknown> = { ...json }
    const issues: Issue[] = []
    const text = (name: string, value: unknown): string => {
      const found = scalarText(value)
      if (found === undefined || !isReadBack(coercions?.get(name), found, value))
        issues.push({
          path: [name],
          message: `${shownValue(value)} cannot be written as a part of a URL so that it is read as such`,
        })
      return found ?? ''
    }
    const path = segments
      .map((segment) => {
        const { name } = segment
        if (name === undefined) return segment.text
        const part = text(name, left[name])
        delete left[name]
        // They would lead elsewhere: whoever is on the way resolves them.
        if (part === '' || part === '.' || part === '..')
          issues.push({ path: [name], message: `${JSON.stringify(part)} cannot be a part of a path` })
        return encodeURIComponent(part)
      })
      .join('/')
    if (hasBody) {
      if (issues.length > 0) return { ok: false, issues }
      const isSaid = pathParameters.length === 0 || always || Object.keys(left).length > 0
      return { ok: true, path, body: isSaid ? JSON.stringify(left) : undefined }
    }
    const query = queryOf(left, { text, coercions, lists, issues })
    if (query === '' && pathParameters.length === 0 && wire.optional)
      issues.push({ path: [], message: 'An object without fields cannot be told from no input here; leave it out' })
    return issues.length > 0
      ? { ok: false, issues }
      : { ok: true, path: query === '' ? path : `${path}?${query}`, body: undefined }
  }
}

type QueryParts = {
  readonly text: (name: string, value: unknown) => string
  readonly coercions: ReadonlyMap<string, Coercion> | undefined
  readonly lists: ReadonlySet<string>
  readonly issues: Issue[]
}

function queryOf(values: Readonly<Record<string, unknown>>, { text, coercions, lists, issues }: QueryParts): string {
  const parts: string[] = []
  const refuse = (name: string, message: string): void => void issues.push({ path: [name], message })
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    if (name === '__proto__' || !name.isWellFormed()) {
      refuse(name, 'It cannot be the name of a query parameter')
      continue
    }
    const key = encodeURIComponent(name)
    if (!Array.isArray(value)) {
      parts.push(`${key}=${encodeURIComponent(text(name, value))}`)
      continue
    }
    // No parameter is no list: read as what the field is without one.
    if (value.length === 0 && !lists.has(name)) refuse(name, 'An empty list cannot be written in a query')
    const texts = value.map(scalarText)
    if (texts.some((one) => one === undefined) || !isReadBack(coercions?.get(name), texts as string[], value))
      refuse(name, 'This list cannot be written in a query so that it is read as such')
    else for (const one of texts as string[]) parts.push(`${key}=${encodeURIComponent(one)}`)
  }
  return parts.join('&')
}

/** Fields that are an empty list when nothing is said of them. */
function emptyLists(fields: ReturnType<typeof fieldsOf>): ReadonlySet<string> {
  const isEmpty = (schema: unknown): boolean => {
    const { default: standard } = (schema ?? {}) as { readonly default?: unknown }
    return Array.isArray(standard) && standard.length === 0
  }
  return new Set([...(fields ?? [])].flatMap(([name, { schema }]) => (isEmpty(schema) ? [name] : [])))
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** Whether the other side makes the same of it: text where a number is welcome too is read as text, and so on. */
function isReadBack(read: Coercion | undefined, text: string | readonly string[], value: unknown): boolean {
  if (typeof text !== 'string' && text.length === 0) return true
  // One of a list that is alone comes as a single text.
  const found = (read ?? ((as) => as))(typeof text !== 'string' && text.length === 1 ? text[0]! : text)
  if (!Array.isArray(found) || !Array.isArray(value)) return found === value
  return found.length === value.length && found.every((part, at) => part === value[at])
}

function shownValue(value: unknown): string {
  if (value === undefined) return 'Nothing'
  return typeof value === 'string' || value === null ? JSON.stringify(value).slice(0, 40) : `A value of type ${typeof value}`
}

function refused(message: string, path: Issue['path'] = []): Written {
  return { ok: false, issues: [{ path, message }] }
}
