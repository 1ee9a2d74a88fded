import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import type { AnySchema } from 'dure/contract'
import { hasOneShape, parserOf, shown, typeOf, wireOf, type Parsed } from 'dure/contract/internal'
import { jsonFault, jsonLoss } from '../fault.ts'
import { fitsType } from 'dure/door/internal'

/** A value of the contract, or why it is none. */
export type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string }

/** The JSON of an answer. */
export type Json = { readonly ok: true; readonly json: unknown } | { readonly ok: false; readonly why: string }

/** JSON in UTF-8 from which nothing is lost; undefined where there is none. */
export function readJson(bytes: Uint8Array): Json {
  if (bytes.length === 0) return { ok: true, json: undefined }
  if (!isUtf8(bytes)) return { ok: false, why: 'it is not UTF-8' }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // Its own words: those of the engine quote what was sent.
    return { ok: false, why: `it is not JSON (${jsonFault(text).replace(/".*"/s, '…').slice(0, 200)})` }
  }
  const loss = jsonLoss(text, json)
  return loss === undefined ? { ok: true, json } : { ok: false, why: loss.replace('Cannot take the body: ', '') }
}

/**
 * Compiles the way from JSON that somebody else has made to a value of a schema. What was answered has been through the
 * callee's own schema already: what this one would change once more, each time anew, is left as it came.
 */
export function answerReader(schema: AnySchema | undefined): (json: unknown) => Answer | Promise<Answer> {
  if (schema === undefined) return () => ({ ok: true, value: undefined })
  const wire = wireOf(schema, 'output')
  if (!hasOneShape(schema)) {
    // Its transforms make something else: only the form of what they have made can be looked at.
    const type = typeOf(shown(schema, 'output'))
    return (json) => {
      if (json === undefined ? wire.optional : fitsType(type, json)) return { ok: true, value: wire.fromJson(json) }
      return { ok: false, why: 'it is not of the form that the contract promises' }
    }
  }
  const parse = parserOf(schema, 'output')
  const settled = (value: unknown, parsed: Parsed): Answer | Promise<Answer> => {
    if (!parsed.ok) return { ok: false, why: inWords(parsed.issues) }
    if (isDeepStrictEqual(parsed.value, value)) return parsed
    // Stripped, or completed by defaults: once more makes no difference. A transform that does is not done twice.
    const again = parse(parsed.value)
    const chosen = (twice: Parsed): Answer =>
      twice.ok && isDeepStrictEqual(twice.value, parsed.value) ? parsed : { ok: true, value }
    return again instanceof Promise ? again.then(chosen) : chosen(again)
  }
  return (json) => {
    const value = wire.fromJson(json)
    const parsed = parse(value)
    return parsed instanceof Promise ? parsed.then((result) => settled(value, result)) : settled(value, parsed)
  }
}

function inWords(issues: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]): string {
  const [first] = issues
  const where = first === undefined || first.path.length === 0 ? '' : ` at "${first.path.join('.')}"`
  return `it does not match the contract${where}: ${first?.message ?? 'it was refused'}`
}
