/** `${key}` and `${key:default}` in values, as Spring resolves them: one in another, and `\${` for what is none. */
import { ConfigFault } from './fault.ts'

/** Characters that a value may come to, and placeholders that it may take. */
const [LONGEST, MOST_STEPS, MOST_DEPTH] = [1_048_576, 10_000, 64]

/**
 * @param valueOf of a key; what it does not know stays as it is written
 * @throws {ConfigFault} 400 where a value leads to itself, or grows without end
 */
export function resolver(valueOf: (key: string) => string | undefined): (text: string) => string {
  const resolve = (text: string, under: readonly string[], steps: { left: number }): string => {
    let resolved = ''
    let at = 0
    for (;;) {
      const open = text.indexOf('${', at)
      if (open === -1) break
      if (text[open - 1] === '\\') {
        resolved += `${text.slice(at, open - 1)}\${`
        at = open + 2
        continue
      }
      const close = closing(text, open + 2)
      if (close === -1) break
      if (steps.left-- <= 0 || under.length > MOST_DEPTH) throw tooMuch(under)
      resolved += text.slice(at, open) + one(text.slice(open + 2, close), under, steps)
      if (resolved.length > LONGEST) throw tooMuch(under)
      at = close + 1
    }
    return resolved + text.slice(at)
  }
  const one = (inside: string, under: readonly string[], steps: { left: number }): string => {
    const colon = colonOf(inside)
    const key = resolve(colon === -1 ? inside : inside.slice(0, colon), under, steps)
    if (under.includes(key))
      throw new ConfigFault(
        400,
        `Cannot resolve the placeholders: "${[...under.slice(under.indexOf(key)), key].join('" needs "')}"`,
      )
    const value = valueOf(key)
    if (value !== undefined) return resolve(value, [...under, key], steps)
    return colon === -1 ? `\${${inside}}` : resolve(inside.slice(colon + 1), under, steps)
  }
  return (text) => (text.includes('${') ? resolve(text, [], { left: MOST_STEPS }) : text)
}

const tooMuch = (under: readonly string[]): ConfigFault =>
  new ConfigFault(
    400,
    `Cannot resolve the placeholders of "${under[0] ?? ''}": they stand for more than ${LONGEST} characters or ${MOST_STEPS} values`,
  )

/** Where a placeholder ends; -1 when it does not. */
function closing(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++
    else if (text[at] === '}' && depth-- === 0) return at
  }
  return -1
}

/** Where a default begins, outside of placeholders inside. */
function colonOf(text: string): number {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++
    else if (text[at] === '}') depth--
    else if (text[at] === ':' && depth === 0) return at
  }
  return -1
}
