/**
 * Where things stand in TypeScript that somebody wrote: enough to find a list and add to it. No compiler is loaded for it:
 * projects have several versions of one, and what comes out is parsed by Node before it is written.
 */

/** From one bracket to the other. */
export type Group = { readonly open: number; readonly close: number }
export type Range = { readonly start: number; readonly end: number }

const COMMENT = /\/\/[^\r\n]*|\/\*[^]*?\*\//y
const STRING = /'(?:[^'\\\r\n]|\\[^])*'|"(?:[^"\\\r\n]|\\[^])*"/y
const REGEX = /\/(?![*/])(?:[^\\/[\r\n]|\\.|\[(?:[^\]\\\r\n]|\\.)*\])+\/[a-z]*/y
/** A slash behind these begins a regular expression; behind anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete|await|yield))\s*$/

/**
 * A text of the same length with nothing but code in it: comments are spaces, and strings, templates and regular expressions
 * have their marks and nothing between.
 */
export function codeOf(text: string): string {
  let code = ''
  while (code.length < text.length) {
    const end = endOfToken(text, code.length)
    const token = text.slice(code.length, end)
    if (token.length === 1) code += token
    else if (/^\/[/*]/.test(token)) code += ' '.repeat(token.length)
    else code += token[0] + '_'.repeat(token.length - 2) + token[0]
  }
  return code
}

function endOfToken(text: string, at: number): number {
  const char = text[at]
  if (char === '`') return endOfTemplate(text, at)
  const kinds = char === '/' ? [COMMENT, REGEX] : char === "'" || char === '"' ? [STRING] : []
  for (const kind of kinds) {
    if (kind === REGEX && !BEFORE_REGEX.test(text.slice(Math.max(0, at - 40), at))) continue
    kind.lastIndex = at
    if (kind.test(text)) return kind.lastIndex
  }
  return at + 1
}

function endOfTemplate(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`') return at + 1
    else if (text.startsWith('${', at)) {
      let depth = 0
      for (at++; at < text.length; at = endOfToken(text, at)) {
        depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0
        if (depth === 0) break
      }
    }
  }
  return text.length
}

/** The group that begins with the bracket at `open`; undefined when it never ends. */
export function groupAt(code: string, open: number): Group | undefined {
  let depth = 0
  for (let at = open; at < code.length; at++) {
    if ('([{'.includes(code[at]!)) depth++
    else if (')]}'.includes(code[at]!) && --depth === 0) return { open, close: at }
  }
  return undefined
}

/** What stands between the commas of a group, without the space around it. */
export function itemsOf(code: string, { open, close }: Group): readonly Range[] {
  const items: Range[] = []
  let start = open + 1
  for (let at = open + 1; at <= close; at++) {
    if (at === close || code[at] === ',') {
      const item = code.slice(start, at)
      if (item.trim() !== '') items.push({ start: start + item.search(/\S/), end: start + item.trimEnd().length })
      start = at + 1
    } else if ('([{'.includes(code[at]!)) at = groupAt(code, at)?.close ?? close
  }
  return items
}

/** Calls of a function by its name: where each begins, and its arguments. */
export function callsOf(code: string, name: string): readonly { readonly start: number; readonly group: Group }[] {
  return [...code.matchAll(new RegExp(`(?<![.\\w$])${name}\\s*([<(])`, 'g'))].flatMap(({ index, 0: found, 1: mark }) => {
    const last = index + found.length - 1
    const open = mark === '(' ? last : afterTypes(code, last)
    const group = open === undefined ? undefined : groupAt(code, open)
    return group === undefined ? [] : [{ start: index, group }]
  })
}

/** The bracket behind `<…>`. */
function afterTypes(code: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < code.length; at++) {
    if (code[at] === '<') depth++
    else if (code[at] === '>' && code[at - 1] !== '=' && --depth === 0) return code[at + 1] === '(' ? at + 1 : undefined
    else if ('([{'.includes(code[at]!)) at = groupAt(code, at)?.close ?? code.length
  }
  return undefined
}

/**
 * The value of a property in an object that is written out. `absent`: it is surely not there; undefined: it may be, in a way
 * that cannot be read here, such as a method or a spread.
 */
export function valueOf(code: string, object: Group, name: string): Range | 'absent' | undefined {
  if (code[object.open] !== '{') return undefined
  const items = itemsOf(code, object)
  for (const { start, end } of items) {
    const [head, found] = /^(\w+)\s*:\s*/.exec(code.slice(start, end)) ?? []
    if (head !== undefined && found === name) return { start: start + head.length, end }
  }
  const hidden = new RegExp(`^(?:\\.\\.\\.|(?:async\\s+)?${name}\\b)`)
  return items.some(({ start, end }) => hidden.test(code.slice(start, end))) ? undefined : 'absent'
}

/** The group that a value is, from its first character to its last. */
export function groupIn(code: string, value: Range | 'absent' | undefined, bracket: '{' | '['): Group | undefined {
  if (value === undefined || value === 'absent' || code[value.start] !== bracket) return undefined
  const group = groupAt(code, value.start)
  return group?.close === value.end - 1 ? group : undefined
}
