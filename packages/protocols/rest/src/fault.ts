/**
 * Says where a text stops being JSON, for people: `unexpected "}" at line 3, column 14 (position 52)`.
 * The engine's own message leaves the position out as often as not. Runs on refused bodies only.
 */
export function jsonFault(text: string): string {
  const at = faultPosition(text)
  if (at === undefined) return 'the keys "__proto__" and "constructor.prototype" are not accepted'
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  const found = at >= text.length ? 'the text ends too early' : `unexpected ${JSON.stringify(character(text, at))}`
  return `${found} at line ${line}, column ${column} (position ${at})`
}

const character = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at)!)

const SPACE = /[ \t\n\r]*/y
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// oxlint-disable-next-line no-control-regex -- JSON forbids exactly these inside strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
// oxlint-disable-next-line no-control-regex
const STRING_PREFIX = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y

/** The position of the first character that cannot stand where it stands; undefined when there is none. */
export function faultPosition(text: string): number | undefined {
  const open: string[] = []
  let at = 0
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.test(text)
    if (found) at = pattern.lastIndex
    return found
  }
  const string = (): boolean => skip(STRING) || (skip(STRING_PREFIX), false)
  const key = (): boolean => string() && (skip(SPACE), text[at] === ':') && (at++, true)

  for (;;) {
    // A value is due here.
    skip(SPACE)
    const first = text[at]
    if (first === '{' || first === '[') {
      at++
      skip(SPACE)
      const close = first === '{' ? '}' : ']'
      if (text[at] === close) at++
      else {
        open.push(close)
        if (first === '{' && !key()) return at
        continue
      }
    } else if (first === '"' ? !string() : !skip(SCALAR)) return at

    // A value is over: close what ends with it, or go on with the next.
    for (;;) {
      skip(SPACE)
      const close = open.at(-1)
      if (close === undefined) return at === text.length ? undefined : at
      if (text[at] === close) {
        at++
        open.pop()
        continue
      }
      if (text[at] !== ',') return at
      at++
      skip(SPACE)
      if (close === '}' && !key()) return at
      break
    }
  }
}
