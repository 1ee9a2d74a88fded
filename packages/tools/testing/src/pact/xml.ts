/** XML that was expected and XML that came, under rules. */
import { SaxesParser } from 'saxes'
import { placeText, type Place } from './path.ts'
import { rulesFor } from './rules.ts'
import type { JsonMatch } from './json.ts'
import { bounds, missedText, shown, type Mismatch } from './values.ts'

type Element = {
  /** `{namespace}name`, and the name alone. */
  readonly id: string
  readonly local: string
  /** By `{namespace}name`, without the declarations of namespaces. */
  readonly attributes: ReadonlyMap<string, { readonly local: string; readonly value: string }>
  readonly children: Element[]
  text: string
}

const MOST = { depth: 200, elements: 100_000 }

/** @throws {SyntaxError} when one of them is no XML, or larger than is read */
export function matchXml(expected: string, actual: string, options: JsonMatch): readonly Mismatch[] {
  const [one, other] = [readXml(expected), readXml(actual)]
  return matchElement(one, other, options, [one.local, 0])
}

function matchElement(expected: Element, actual: Element, options: JsonMatch, place: Place): readonly Mismatch[] {
  const where = placeText(place)
  if (expected.id !== actual.id)
    return [{ where, expected: `<${expected.local}> of ${space(expected)}`, got: `<${actual.local}> of ${space(actual)}` }]
  return [
    ...matchAttributes(expected, actual, options, place),
    ...matchText(expected.text.trim(), actual.text.trim(), options, [...place, '#text']),
    ...matchChildren(expected, actual, options, place),
  ]
}

function matchAttributes(expected: Element, actual: Element, options: JsonMatch, place: Place): readonly Mismatch[] {
  const missing = [...expected.attributes].flatMap(([id, { local, value }]) => {
    const at = [...place, `@${local}`]
    const found = actual.attributes.get(id)
    if (found === undefined) return [{ where: placeText(at), expected: shown(value), got: 'nothing: the attribute is missing' }]
    return matchText(value, found.value, options, at)
  })
  const more = options.strict ? [...actual.attributes].filter(([id]) => !expected.attributes.has(id)) : []
  return [
    ...missing,
    ...more.map(([, { local, value }]) => ({
      where: placeText([...place, `@${local}`]),
      expected: 'no such attribute',
      got: shown(value),
    })),
  ]
}

function matchText(expected: string, actual: string, options: JsonMatch, place: Place): readonly Mismatch[] {
  const found = rulesFor(options.rules, place, true)
  if (found === undefined)
    return expected === actual ? [] : [{ where: placeText(place), expected: shown(expected), got: shown(actual) }]
  // An element without text has none to be of a type.
  if (expected === '' && actual === '' && found.above) return []
  const missed = found.rules.map((rule) => missedText(rule, expected, actual, found.above))
  const wrong = missed.filter((one) => one !== undefined)
  if (wrong.length === 0 || (found.combine === 'OR' && wrong.length < missed.length)) return []
  return [{ where: placeText(place), expected: wrong.join(', '), got: shown(actual) }]
}

/** By name, so that elements of different names may come in any order. */
function matchChildren(expected: Element, actual: Element, options: JsonMatch, place: Place): readonly Mismatch[] {
  const where = placeText(place)
  const found = rulesFor(options.rules, place, true)
  const type = found?.rules.find((rule) => rule.match === 'type')
  const { min = 0, max = Infinity } = type === undefined || found?.above === true ? {} : type
  const count = actual.children.length
  if (count < min || count > max) return [{ where, expected: `${bounds(min, max)} elements`, got: `${count}` }]
  const [wanted, given] = [byName(expected), byName(actual)]
  return [...new Set([...wanted.keys(), ...given.keys()])].flatMap((id): readonly Mismatch[] => {
    const [examples = [], children = []] = [wanted.get(id), given.get(id)]
    const [example] = examples
    const { local } = (example ?? children[0])!
    if (example === undefined)
      return type !== undefined || options.strict ? [{ where, expected: `no <${local}>`, got: `${children.length}` }] : []
    // Of a list by type the first example stands for all.
    const wrong = type !== undefined ? children.length === 0 && count > 0 : children.length < examples.length
    if (wrong || (type === undefined && options.strict && children.length > examples.length))
      return [{ where, expected: `${examples.length} <${local}>`, got: `${children.length}` }]
    return children
      .slice(0, type === undefined ? examples.length : undefined)
      .flatMap((child, at) => matchElement(examples[at] ?? example, child, options, [...place, local, at]))
  })
}

function byName({ children }: Element): ReadonlyMap<string, readonly Element[]> {
  return Map.groupBy(children, ({ id }) => id)
}

function space({ id }: Element): string {
  const uri = id.slice(1, id.indexOf('}'))
  return uri === '' ? 'no namespace' : uri
}

function readXml(text: string): Element {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Element[] = []
  let root: Element | undefined
  let elements = 0
  parser.on('error', ({ message }) => {
    throw new SyntaxError(`it is no well-formed XML (${message.slice(0, 200)})`)
  })
  parser.on('doctype', () => {
    throw new SyntaxError('it has a document type, which is not read')
  })
  parser.on('opentag', ({ uri, local, attributes }) => {
    if (++elements > MOST.elements || open.length >= MOST.depth)
      throw new SyntaxError('it has too many elements, or too deep ones')
    const own = Object.values(attributes).filter((one) => one.uri !== XMLNS)
    const element: Element = {
      ...{ id: `{${uri}}${local}`, local, children: [], text: '' },
      attributes: new Map(own.map((one) => [`{${one.uri}}${one.local}`, { local: one.local, value: one.value }])),
    }
    root ??= element
    open.at(-1)?.children.push(element)
    open.push(element)
  })
  const add = (part: string): void => {
    const into = open.at(-1)
    if (into !== undefined) into.text += part
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', () => void open.pop())
  parser.write(text).close()
  if (root === undefined) throw new SyntaxError('it has no element')
  return root
}

const XMLNS = 'http://www.w3.org/2000/xmlns/'
