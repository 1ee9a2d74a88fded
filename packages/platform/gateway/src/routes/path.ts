/** Paths as routes see them: their segments, decoded; empty ones do not count, so that no way around a route leads over them. */

const PERCENT = 37
const DOT = 46
const SLASH = 47

export type Template = readonly (string | { readonly parameter: string })[]

const PARAMETER = /^\{([A-Za-z_][\w-]{0,63})\}$/
const LITERAL = /^(?:[\w.~!$&'()*+,;=:@-]|%[\dA-Fa-f]{2})+$/

/** Reads `/orders/{id}`. A text: why it cannot be read. */
export function templateOf(path: string): Template | string {
  if (!path.startsWith('/')) return `"${path}" does not begin with "/"`
  const parts = path.split('/').filter((part) => part !== '')
  const template: (string | { readonly parameter: string })[] = []
  const names = new Set<string>()
  for (const part of parts) {
    const name = PARAMETER.exec(part)?.[1]
    if (name !== undefined) {
      if (names.has(name)) return `"${path}" has the parameter "${name}" twice`
      names.add(name)
      template.push({ parameter: name })
      continue
    }
    const literal = LITERAL.test(part) ? decoded(part) : undefined
    if (literal === undefined || literal === '.' || literal === '..')
      return `"${path}" has the segment "${part}"; a segment is text as it stands in a URL, or one parameter, "{id}"`
    template.push(literal)
  }
  return template
}

/**
 * The segments of a path. Undefined when it is one that servers read in different ways: with `.` or `..` however they are written,
 * with a NUL, or with percent-encoding that is none.
 */
export function segmentsOf(target: string, end: number): readonly string[] | undefined {
  const segments: string[] = []
  let from = 1
  let [encoded, dotted] = [false, false]
  for (let at = 1; at <= end; at++) {
    const code = at === end ? SLASH : target.charCodeAt(at)
    if (code === PERCENT) encoded = true
    else if (code === DOT) dotted = true
    if (code !== SLASH) continue
    if (at > from) {
      const part = target.slice(from, at)
      const text = encoded ? decoded(part) : part
      if (text === undefined || ((encoded || dotted) && isDots(text))) return undefined
      segments.push(text)
    }
    from = at + 1
    encoded = dotted = false
  }
  return segments
}

/** Also within a segment: an upstream may take an encoded slash for one. */
function isDots(text: string): boolean {
  if (text.includes('\0')) return true
  if (!text.includes('.')) return false
  return text.split(/[/\\]/).some((part) => {
    // What stands behind a semicolon some servers leave out.
    const name = part.split(';', 1)[0]
    return name === '.' || name === '..'
  })
}

/** A segment, or undefined when its percent-encoding is none. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
