import type { Effective } from './combine.ts'
import type { ConfigProblem } from './errors.ts'
import type { ConfigScalar } from './source.ts'

/** Characters that a text may grow to, and settings that may lead to each other. */
const [MOST_TEXT, MOST_STEPS] = [65_536, 50]

/** A value with what it was made of. */
export type Resolved = { readonly value: ConfigScalar; readonly of: readonly string[] }

/**
 * Puts in what `${key}` and `${key:default}` stand for; `\${` is the text itself. What is nothing but one placeholder has the value of
 * that setting, a number where that is one. No message has a value in it.
 */
export function resolvePlaceholders(values: Effective): {
  readonly resolved: ReadonlyMap<string, Resolved>
  readonly problems: readonly ConfigProblem[]
} {
  const resolved = new Map<string, Resolved>()
  const problems: ConfigProblem[] = []
  const wrong = new Set<string>()

  const resolve = (key: string, way: readonly string[]): Resolved => {
    const known = resolved.get(key)
    if (known !== undefined) return known
    const { value, from, line } = values.get(key)!
    const problem = (why: string): void => {
      if (!wrong.has(key)) problems.push({ from, line, key, why })
      wrong.add(key)
    }
    const of = new Set<string>()
    const lookUp = (name: string): ConfigScalar | undefined => {
      if (!values.has(name)) return undefined
      const next = [...way, key]
      if (next.includes(name) || next.length > MOST_STEPS) {
        problem(`it needs itself: ${next.slice(Math.max(0, next.indexOf(name))).join(' needs ')} needs ${name}`)
        return ''
      }
      of.add(name)
      const found = resolve(name, next)
      if (wrong.has(name)) wrong.add(key)
      return found.value
    }
    const made = { value: typeof value === 'string' ? expand(value, lookUp, problem) : value, of: [...of] }
    resolved.set(key, made)
    return made
  }

  for (const key of values.keys()) resolve(key, [])
  return { resolved, problems }
}

function expand(
  text: string,
  lookUp: (key: string) => ConfigScalar | undefined,
  problem: (why: string) => void,
  depth: number = 0,
): ConfigScalar {
  if (!text.includes('${')) return text
  if (depth > MOST_STEPS) {
    problem('its placeholders are nested too deep')
    return ''
  }
  let made = ''
  for (let at = 0; at < text.length;) {
    const begin = text.indexOf('${', at)
    if (begin < 0) {
      made += text.slice(at)
      break
    }
    if (text[begin - 1] === '\\' && begin > at) {
      made += `${text.slice(at, begin - 1)}\${`
      at = begin + 2
      continue
    }
    const end = endOf(text, begin + 2)
    if (end === undefined) {
      problem('it has "${" without its "}"; write "\\${" for the text itself')
      return ''
    }
    made += text.slice(at, begin)
    const { name, fallback } = partsOf(text.slice(begin + 2, end))
    const value = lookUp(name) ?? (fallback === undefined ? undefined : expand(fallback, lookUp, problem, depth + 1))
    if (value === undefined) problem(`"\${${name}}" names no setting; set it, or give it a default, "\${${name}:…}"`)
    if (begin === 0 && end === text.length - 1) return value ?? ''
    made += String(value ?? '')
    at = end + 1
    if (made.length > MOST_TEXT) {
      problem(`it grows to more than ${MOST_TEXT} characters`)
      return ''
    }
  }
  return made
}

/** Where the brace is that closes it. */
function endOf(text: string, from: number): number | undefined {
  let open = 1
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) open++
    else if (text[at] === '}' && --open === 0) return at
  }
  return undefined
}

function partsOf(inside: string): { readonly name: string; readonly fallback: string | undefined } {
  const colon = inside.indexOf(':')
  return colon < 0
    ? { name: inside.trim(), fallback: undefined }
    : { name: inside.slice(0, colon).trim(), fallback: inside.slice(colon + 1) }
}
