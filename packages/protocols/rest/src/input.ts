import type { Issue } from 'dure/contract'
import { typeOf } from 'dure/contract/internal'
import type { Gathered } from 'dure/door/internal'
import { coercionsOf, type Mapping } from './mapping.ts'
import { isObject, strictCheck } from 'dure/door/internal'

/** Where the parts of an input come from. */
export type RequestParts = {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | readonly string[]>>
  readonly body: unknown
}

/**
 * Compiles the way from a request to an operation's input: path parameters, then the JSON body (if the
 * method has one), then query parameters. Validation is not done here: it is the callee's, once.
 */
export function inputReader(
  /** Of an operation without input, `input` is undefined. */
  { input, hasBody, pathParameters }: Mapping,
  /** Whether fields that the input does not have are refused or dropped. */
  unknownFields: 'refuse' | 'drop',
): (parts: RequestParts) => Gathered {
  const { wire, type } = input ?? { wire: undefined, type: NOTHING }
  const strict = unknownFields === 'refuse' ? strictCheck(type) : undefined
  const bodiless = unknownFields === 'refuse' && !hasBody
  const coercions = coercionsOf(type)
  // What stands for a request that brings nothing: nothing where that is welcome, else an object without fields.
  const absent = coercions === undefined || wire?.optional === true ? undefined : {}
  const finish = (json: unknown): Gathered => ({ ok: true, input: wire?.fromJson(json) })

  return ({ params, query, body }) => {
    if (body !== undefined && (bodiless || (wire === undefined && !isObject(body))) && !isNothing(body))
      return { ok: false, issues: [{ path: [], message: 'Expected no body' }] }
    const given = hasBody ? body : undefined
    let queried = false
    for (const _name in query) queried = true
    if (pathParameters.length === 0 && !queried) {
      if (given === undefined) return finish(absent && { ...absent })
      return refused(strict, given) ?? finish(given)
    }
    if (given !== undefined && !isObject(given)) {
      return { ok: false, issues: [{ path: [], message: 'Expected an object, because the path and query add fields to it' }] }
    }
    const json: Record<string, unknown> = { ...given }
    const issues: Issue[] = []
    const add = (name: string, text: string | readonly string[], where: string): void => {
      if (name === '__proto__') return void issues.push({ path: [name], message: `Unknown ${where} parameter` })
      const value = coercions?.get(name)?.(text) ?? text
      if (!Object.hasOwn(json, name)) json[name] = value
      // Two different values for one field: taking either would drop the other in silence.
      else if (String(json[name]) !== String(value)) {
        issues.push({ path: [name], message: `Given twice, with another value in the ${where}` })
      }
    }
    for (const name of pathParameters) add(name, params[name] ?? '', 'path')
    for (const name in query) add(name, query[name]!, 'query')
    strict?.(json, [], issues)
    return issues.length > 0 ? { ok: false, issues } : finish(json)
  }
}

const NOTHING = typeOf({ type: 'object', properties: {}, additionalProperties: false })

/** Clients that must send something send this. */
const isNothing = (body: unknown): boolean => body === null || (isObject(body) && Object.keys(body).length === 0)

function refused(strict: ReturnType<typeof strictCheck>, json: unknown): Gathered | undefined {
  if (strict === undefined) return undefined
  const issues: Issue[] = []
  strict(json, [], issues)
  return issues.length > 0 ? { ok: false, issues } : undefined
}
