/** A line of a `.properties` file, or several that end in a backslash; the line is its first. */
export type Property = { readonly line: number; readonly name: string; readonly value: string }

/**
 * Reads a `.properties` file as Java does: comments, `=`, `:` or a space, lines that go on, escapes. Names that stand there twice come twice.
 *
 * @example
 * ```ts
 * import { readProperties } from 'dure/config/parse'
 *
 * console.log(readProperties('# who pays\npayment.timeout = 500\n')[0]) // → { line: 2, name: 'payment.timeout', value: '500' }
 * ```
 */
export function readProperties(text: string): readonly Property[] {
  const found: Property[] = []
  const lines = text.split(/\r\n|\r|\n/)
  for (let i = 0; i < lines.length; i++) {
    const begin = i
    let logical = lines[i]!.trimStart()
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (goesOn(logical) && i + 1 < lines.length) logical = logical.slice(0, -1) + lines[++i]!.trimStart()
    const [, name = '', value = ''] = /^((?:\\.|[^\\\s=:])+)\s*[=:]?\s*(.*)$/s.exec(logical) ?? []
    if (name !== '') found.push({ line: begin + 1, name: unescaped(name), value: unescaped(value) })
  }
  return found
}

/** Whether it ends in an odd number of backslashes. */
function goesOn(text: string): boolean {
  let count = 0
  while (text.charCodeAt(text.length - 1 - count) === 92) count++
  return count % 2 === 1
}

const unescaped = (text: string): string =>
  text.replaceAll(/\\(?:u([\da-fA-F]{4})|(.))/gs, (_all, code: string | undefined, character: string | undefined) =>
    code === undefined
      ? ({ n: '\n', r: '\r', t: '\t', f: '\f' }[character!] ?? character!)
      : String.fromCharCode(Number.parseInt(code, 16)),
  )
