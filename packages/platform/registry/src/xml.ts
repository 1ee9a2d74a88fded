/** XML as far as Eureka's documents go: elements, attributes and text. No document types, so nothing expands and nothing is fetched. */
export type Element = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  /** Of an element without children. */
  readonly text: string
}

/** Elements inside each other. */
const DEEPEST = 16

const NAME = String.raw`[\p{L}_][\p{L}\p{N}_.:-]*`
const OPEN = new RegExp(String.raw`<(${NAME})((?:\s+${NAME}\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>`, 'uy')
const CLOSE = new RegExp(String.raw`</(${NAME})\s*>`, 'uy')
const ATTRIBUTE = new RegExp(String.raw`(${NAME})\s*=\s*(?:"([^"]*)"|'([^']*)')`, 'gu')
const TEXT = /[^<]+/y
const CDATA = /<!\[CDATA\[([\s\S]*?)\]\]>/y
const SKIPPED = /(?:\s+|<!--[\s\S]*?-->)+/y
const PROLOGUE = /^\uFEFF?\s*(?:<\?xml[^>]*\?>)?/
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/

/** @throws {TypeError} saying what is wrong, and at which character */
export function parseXml(text: string): Element {
  let at = PROLOGUE.exec(text)![0].length
  const wrong = (why: string): TypeError => new TypeError(`it is not XML: ${why} at character ${at + 1}`)
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) return undefined
    at += found[0].length
    return found
  }
  if (FORBIDDEN.test(text) || !text.isWellFormed()) throw wrong('it has a character that XML does not allow, somewhere')

  const element = (depth: number): Element => {
    if (depth > DEEPEST) throw wrong(`more than ${DEEPEST} elements are inside each other`)
    const open = take(OPEN)
    if (open === undefined) throw wrong('an element is to begin')
    const name = open[1]!
    const attributes = Object.fromEntries(
      [...open[2]!.matchAll(ATTRIBUTE)].map(([, key, double, single]) => [key!, unescape(double ?? single ?? '', wrong)]),
    )
    if (open[3] === '/') return { name, attributes, children: [], text: '' }
    const children: Element[] = []
    let said = ''
    for (;;) {
      const close = take(CLOSE)
      if (close !== undefined) {
        if (close[1] !== name) throw wrong(`<${name}> is closed by </${close[1]}>`)
        if (children.length > 0 && said.trim() !== '') throw wrong(`<${name}> has text beside elements`)
        return { name, attributes, children, text: children.length > 0 ? '' : said }
      }
      const raw = take(CDATA)?.[1]
      const plain = raw ?? take(TEXT)?.[0]
      if (plain !== undefined) said += raw ?? unescape(plain, wrong)
      else if (take(SKIPPED) === undefined) {
        if (at >= text.length) throw wrong(`<${name}> is not closed`)
        children.push(element(depth + 1))
      }
    }
  }

  take(SKIPPED)
  const root = element(1)
  take(SKIPPED)
  if (at < text.length) throw wrong('something follows the document')
  return root
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescape(text: string, wrong: (why: string) => TypeError): string {
  return text.replaceAll(/&([^;&]{0,10});?/g, (all, name: string) => {
    const code = /^#(?:x([0-9a-fA-F]+)|(\d+))$/.exec(name)
    const point = code === null ? Number.NaN : Number.parseInt(code[1] ?? code[2]!, code[1] === undefined ? 10 : 16)
    const char = point <= 0x10ffff ? String.fromCodePoint(point) : Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined
    if (!all.endsWith(';') || char === undefined || FORBIDDEN.test(char) || !char.isWellFormed())
      throw wrong(`"${all}" stands for nothing`)
    return char
  })
}

/** What XML cannot hold at all is written as U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(new RegExp(FORBIDDEN, 'g'), '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;')
}

/**
 * A key as the name of an element, as XStream has it, which Eureka's servers and clients write with: `_` doubled, and `_.` with four
 * hexadecimal digits for what a name cannot have.
 */
export function nameOfKey(key: string): string {
  const escaped = key
    .replaceAll('_', '__')
    .replaceAll('$', '_-')
    .replaceAll(/[^\p{L}\p{N}_.-]/gu, hexadecimals)
  // Of two units in UTF-16, as it may be.
  const [first] = escaped
  if (first === undefined) return '_.'
  return /^[\p{L}_]/u.test(escaped) ? escaped : `${hexadecimals(first)}${escaped.slice(first.length)}`
}
const hexadecimals = (char: string): string => char.split('').map(hexadecimal).join('')
const hexadecimal = (unit: string): string => `_.${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

export function keyOfName(name: string): string {
  return name.replaceAll(/__|_-|_\.([0-9a-f]{4})|^_\.$/g, (all, hex: string | undefined) =>
    all === '__' ? '_' : all === '_-' ? '$' : hex === undefined ? '' : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
