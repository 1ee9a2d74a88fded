/** What a pact expects of a request, a response or a message, and what it was. */
import { isDeepStrictEqual } from 'node:util'
import { isOfType, mediaType, type Content } from './content.ts'
import { matchJson } from './json.ts'
import { rulesFor, type Category } from './rules.ts'
import { bounds, missed, missedText, shown, type Mismatch } from './values.ts'
import { matchXml } from './xml.ts'

export type Rules = Readonly<Partial<Record<'path' | 'query' | 'header' | 'body' | 'status' | 'metadata', Category>>>

/** Values of each name, in order. */
export type Values = Readonly<Record<string, readonly string[]>>

export type ExpectedRequest = {
  readonly method: string
  readonly path: string
  readonly query: Values
  readonly headers: Values
  readonly body: Content
  readonly rules: Rules
}
export type ExpectedResponse = {
  readonly status: number
  readonly headers: Values
  readonly body: Content
  readonly rules: Rules
}
export type ExpectedMessage = {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly contents: Content
  readonly rules: Rules
}

/** Nothing that was not expected may be in it. */
export function matchRequest(expected: ExpectedRequest, actual: Omit<ExpectedRequest, 'rules'>): readonly Mismatch[] {
  const { rules } = expected
  return [
    ...(expected.method.toUpperCase() === actual.method.toUpperCase()
      ? []
      : [{ where: 'method', expected: expected.method, got: actual.method }]),
    ...matchOne('path', expected.path, actual.path, rules.path),
    ...matchQuery(expected.query, actual.query, rules.query ?? []),
    ...matchHeaders(expected.headers, actual.headers, rules.header ?? []),
    ...matchContent('body', expected.body, actual.body, { rules: rules.body ?? [], strict: true }),
  ]
}

export function matchResponse(expected: ExpectedResponse, actual: Omit<ExpectedResponse, 'rules'>): readonly Mismatch[] {
  const { rules } = expected
  const status = rulesFor(rules.status ?? [], [])
  const wrong = status?.rules.flatMap((rule) => missed(rule, expected.status, actual.status, false) ?? [])
  const isWrong = wrong === undefined ? expected.status !== actual.status : wrong.length > 0
  return [
    ...(isWrong ? [{ where: 'status', expected: wrong?.join(', ') ?? String(expected.status), got: String(actual.status) }] : []),
    ...matchHeaders(expected.headers, actual.headers, rules.header ?? []),
    ...matchContent('body', expected.body, actual.body, { rules: rules.body ?? [], strict: false }),
  ]
}

/** Of metadata, the content type is that of the contents. */
export function matchMessage(expected: ExpectedMessage, actual: Omit<ExpectedMessage, 'rules'>): readonly Mismatch[] {
  const { rules } = expected
  const metadata = Object.entries(expected.metadata).filter(([name]) => !/^content-?type$/i.test(name))
  return [
    ...metadata.flatMap(([name, value]) => {
      const found = rulesFor(rules.metadata ?? [], [name])
      const wrong = (found?.rules ?? [{ match: 'equality' as const }]).flatMap(
        (rule) => missed(rule, value, actual.metadata[name], false) ?? [],
      )
      return wrong.length === 0
        ? []
        : [{ where: `metadata "${name}"`, expected: wrong.join(', '), got: shown(actual.metadata[name]) }]
    }),
    ...matchContent('contents', expected.contents, actual.contents, { rules: rules.body ?? [], strict: false }),
  ]
}

function matchOne(where: string, expected: string, actual: string, rules: Category = []): readonly Mismatch[] {
  const found = rulesFor(rules, [])
  if (found === undefined) return expected === actual ? [] : [{ where, expected: shown(expected), got: shown(actual) }]
  return ruled(where, expected, actual, found)
}

function ruled(
  where: string,
  expected: string,
  actual: string,
  found: NonNullable<ReturnType<typeof rulesFor>>,
): readonly Mismatch[] {
  const wrong = found.rules.flatMap((rule) => missedText(rule, expected, actual, found.above) ?? [])
  if (wrong.length === 0 || (found.combine === 'OR' && wrong.length < found.rules.length)) return []
  return [{ where, expected: wrong.join(', '), got: shown(actual) }]
}

function matchQuery(expected: Values, actual: Values, rules: Category): readonly Mismatch[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)])
  return [...names].flatMap((name) => {
    const where = `query "${name}"`
    const [wanted, given] = [expected[name], actual[name]]
    if (wanted === undefined) return [{ where, expected: 'no such parameter', got: shown(given) }]
    if (given === undefined) return [{ where, expected: shown(wanted), got: 'nothing: the parameter is missing' }]
    const found = rulesFor(rules, [name])
    const type = found?.rules.find((rule) => rule.match === 'type')
    const { min = found === undefined ? wanted.length : 1, max = found === undefined ? wanted.length : Infinity } = type ?? {}
    if (given.length < min || given.length > max) return [{ where, expected: `${bounds(min, max)} values`, got: shown(given) }]
    return given.flatMap((value, at) => {
      const example = wanted[at] ?? wanted[0] ?? ''
      const own = rulesFor(rules, [name, at])
      if (own !== undefined) return ruled(where, example, value, { ...own, above: false })
      return example === value ? [] : [{ where, expected: shown(example), got: shown(value) }]
    })
  })
}

function matchHeaders(expected: Values, actual: Values, rules: Category): readonly Mismatch[] {
  const given = new Map(Object.entries(actual).map(([name, values]) => [name.toLowerCase(), values.flatMap(split(name))]))
  const lower = rules.map((one) => ({
    ...one,
    steps: one.steps.map((step) => (step.kind === 'field' ? { ...step, name: step.name.toLowerCase() } : step)),
  }))
  return Object.entries(expected).flatMap(([name, values]) => {
    const key = name.toLowerCase()
    const where = `header "${key}"`
    const [wanted, found] = [values.flatMap(split(name)), given.get(key)]
    if (found === undefined) return [{ where, expected: shown(values.join(', ')), got: 'nothing: the header is missing' }]
    const own = rulesFor(lower, [key])
    if (own !== undefined) return ruled(where, values.join(', '), (actual[name] ?? found).join(', '), { ...own, above: false })
    const same = wanted.length === found.length && wanted.every((value, at) => isSameHeader(key, value, found[at]!))
    return same ? [] : [{ where, expected: shown(wanted.join(', ')), got: shown(found.join(', ')) }]
  })
}

/** Dates, and what names a cookie, have commas that divide nothing. */
function split(name: string): (value: string) => readonly string[] {
  if (/^(?:date|expires|last-modified|if-modified-since|if-unmodified-since|set-cookie|retry-after)$/i.test(name))
    return (value) => [value.trim()]
  return (value) => value.split(',').map((part) => part.trim())
}

function isSameHeader(name: string, expected: string, actual: string): boolean {
  if (name !== 'content-type' && name !== 'accept') return expected === actual
  const [wanted, given] = [parameters(expected), parameters(actual)]
  // What is said of no charset may be in any.
  if (!wanted.has('charset')) given.delete('charset')
  return expected.split(';')[0]!.trim() === actual.split(';')[0]!.trim() && isDeepStrictEqual(wanted, given)
}

function parameters(value: string): Map<string, string> {
  return new Map(
    value
      .split(';')
      .slice(1)
      .map((part) => {
        const [key = '', text = ''] = part.trim().split('=')
        return [key.toLowerCase(), key.toLowerCase() === 'charset' ? text.toLowerCase() : text]
      }),
  )
}

function matchContent(
  where: string,
  expected: Content,
  actual: Content,
  options: { readonly rules: Category; readonly strict: boolean },
): readonly Mismatch[] {
  if (expected.kind === 'absent') return []
  if (expected.kind === 'empty')
    return actual.kind === 'absent' || actual.kind === 'empty' ? [] : [{ where, expected: 'nothing', got: describe(actual) }]
  if (actual.kind === 'absent' || actual.kind === 'empty') return [{ where, expected: describe(expected), got: 'nothing' }]
  const bytes = rulesFor(options.rules, [])?.rules.find((rule) => rule.match === 'contentType')
  if (bytes !== undefined)
    return isOfType(bytesOf(actual), bytes.value, actual.type)
      ? []
      : [{ where, expected: `a body of ${bytes.value}`, got: describe(actual) }]
  if (!isOfMedia(expected.type, actual.type))
    return [{ where, expected: `a body of ${mediaType(expected.type)}`, got: describe(actual) }]
  const at = ({ where: inside, ...rest }: Mismatch): Mismatch => ({ where: `${where} ${inside}`, ...rest })
  if (expected.kind === 'json' && actual.kind === 'json') return matchJson(expected.value, actual.value, options).map(at)
  if (expected.kind === 'xml' && actual.kind === 'xml') {
    try {
      return matchXml(expected.text, actual.text, options).map(at)
    } catch (error) {
      return [{ where, expected: 'XML', got: (error as Error).message }]
    }
  }
  if (expected.kind === 'form' && actual.kind === 'form')
    return matchQuery(formOf(expected.text), formOf(actual.text), options.rules).map(at)
  if (expected.kind === 'text' && actual.kind === 'text') return matchOne(where, expected.text, actual.text, options.rules)
  return Buffer.compare(bytesOf(expected), bytesOf(actual)) === 0
    ? []
    : [{ where, expected: describe(expected), got: describe(actual) }]
}

function formOf(text: string): Values {
  const values: Record<string, string[]> = Object.create(null) as {}
  for (const [name, value] of new URLSearchParams(text)) (values[name] ??= []).push(value)
  return values
}

/** What is written in JSON, such as a problem, is JSON. */
function isOfMedia(expected: string, actual: string): boolean {
  const [wanted, given] = [mediaType(expected), mediaType(actual)]
  return wanted === given || wanted === `application/${/\+(\w+)$/.exec(given)?.[1]}`
}

type Full = Exclude<Content, { readonly kind: 'absent' | 'empty' }>

function bytesOf(content: Full): Uint8Array {
  if (content.kind === 'bytes') return content.bytes
  return Buffer.from(content.kind === 'json' ? JSON.stringify(content.value) : content.text)
}

function describe(content: Full): string {
  if (content.kind === 'bytes') return `${content.bytes.length} bytes of ${content.type}`
  return content.kind === 'json' ? shown(content.value) : shown(content.text)
}
