/** Values from XML, by the types of a contract. What does not fit is left as text, for the contract to refuse. */
import type { Issue } from 'dure/contract'
import { objectMaker, setKey, unknownFromJson, type NamedType, type TypeRef } from 'dure/contract/internal'
import type { Part, SoapModel } from './model.ts'
import { XSI } from './names.ts'
import { SCALARS } from './scalars.ts'
import { TEXT } from './write.ts'
import { only, type XmlElement } from './xml.ts'

/** Where in the value it is, and what is wrong so far: what it is called in what is around it, as far as anybody asks. */
type At = { readonly around: At | undefined; readonly key: string | number | undefined; readonly issues: Issue[] }

/** The value itself. */
export const whole = (issues: Issue[]): At => ({ around: undefined, key: undefined, issues })

type Read = (element: XmlElement, at: At) => unknown

export type XmlReader = {
  /** What is in an element of so many parts, by their elements' names. */
  readonly parts: (parts: readonly Part[]) => (element: XmlElement, at: At) => ReadonlyMap<string, unknown>
  readonly fields: (type: NamedType & { readonly kind: 'object' }) => Read
}

/** What is wrong with one document, at most. */
const MOST_ISSUES = 20

/** Compiles readers for the types of a contract. */
export function xmlReader(model: SoapModel): XmlReader {
  const { types } = model
  const namespace = only(model.namespace)
  const named = new Map<string, Read>()

  function value(ref: TypeRef): Read {
    const inside = content(ref)
    return (element, at) => (isNil(element) ? null : inside(element, at))
  }

  function content(ref: TypeRef): Read {
    switch (ref.kind) {
      case 'scalar':
        return leaf(SCALARS[ref.scalar].read)
      case 'list':
        return items(value(ref.items))
      case 'set': {
        const list = items(value(ref.items))
        return (element, at) => new Set(list(element, at) as unknown[])
      }
      case 'map': {
        const pairs = entries(value(ref.key), value(ref.value))
        return (element, at) => unlike(new Map(pairs(element, at)), element, at)
      }
      case 'record': {
        const pairs = entries(value(TEXT), value(ref.value))
        return (element, at) => {
          const map = new Map(pairs(element, at))
          unlike(map, element, at)
          return Object.fromEntries(map as Map<string, unknown>)
        }
      }
      case 'json':
        return leaf(fromJson)
      case 'nothing':
        return () => undefined
      default:
        return (element, at) => contentOf(ref.name)(element, at)
    }
  }

  function contentOf(name: string): Read {
    let made = named.get(name)
    if (made === undefined) named.set(name, (made = namedContent(types.types.get(name)!)))
    return made
  }

  function namedContent(type: NamedType): Read {
    if (type.kind === 'enum') return leaf((text) => text)
    if (type.kind === 'union') return unionContent(type)
    return type.kind === 'tuple' ? placesContent(type) : fields(type)
  }

  function eachPart(parts: readonly Part[]): ReturnType<typeof partReader> {
    return partReader(
      namespace,
      new Map(parts.map((part) => [part.element, { read: value(part.type), name: part.field?.name ?? part.element }])),
    )
  }

  function parts(parts: readonly Part[]): ReturnType<XmlReader['parts']> {
    const each = eachPart(parts)
    return (element, at) => {
      const found = new Map<string, unknown>()
      each(element, at, { has: (local) => found.has(local), set: (one, local) => found.set(local, one) })
      return found
    }
  }

  function fields(type: NamedType & { readonly kind: 'object' }): Read {
    const own = model.partsOf(type)
    const each = eachPart(own)
    const undefinable = own.flatMap(({ field }) => (field!.undefinable === true ? [field!.name] : []))
    const straight = straightReader(
      namespace,
      own.map(({ element, type, field }) => ({ element, name: field!.name, read: value(type) })),
    )
    return (element, at) => {
      if (straight.fits(element)) return straight.read(element, at)
      const object: Record<string, unknown> = {}
      each(element, at, {
        has: (_, name) => Object.hasOwn(object, name),
        set: (one, _, name) => setKey(object, name, one),
      })
      for (const name of undefinable) if (!Object.hasOwn(object, name)) setKey(object, name, undefined)
      return object
    }
  }

  function placesContent(type: NamedType & { readonly kind: 'tuple' }): Read {
    const own = model.partsOf(type)
    const read = parts(own)
    return (element, at) => {
      const found = read(element, at)
      const places: unknown[] = []
      own.forEach(({ element: name, field }, place) => {
        if (field!.name === 'rest') places.push(...((found.get(name) as readonly unknown[] | undefined) ?? []))
        else if (found.has(name)) places[place] = found.get(name)
      })
      // A place before others that is absent is undefined, and no hole.
      return Array.from(places)
    }
  }

  function unionContent(type: NamedType & { readonly kind: 'union' }): Read {
    const names = model.membersOf(type)
    const members = new Map(type.members.map((member, at) => [names[at]!, value(member.type)]))
    return (element, at) => {
      const [only, more] = element.children
      const member = only?.uri === namespace ? members.get(only.local) : undefined
      if (member !== undefined && more === undefined) return member(only!, at)
      refuse(at, undefined, `One of ${names.join(', ')} is wanted, and ${only === undefined ? 'none' : 'not that'} is there`)
      return undefined
    }
  }

  const list = (name: string, read: Read) => listReader(namespace, name, read)
  const items = (read: Read): Read => list('item', read)

  function entries(key: Read, of: Read): (element: XmlElement, at: At) => (readonly [unknown, unknown])[] {
    return list('entry', (element, at) => {
      const child = (name: string): XmlElement | undefined =>
        element.children.find(({ local, uri }) => local === name && uri === namespace)
      const [name, one] = [child('key'), child('value')]
      if (name !== undefined && one !== undefined && element.children.length === 2)
        return [key(name, inside(at, 'key')), of(one, inside(at, 'value'))]
      refuse(at, undefined, 'An entry is one "key" and one "value"')
      return [at.key, undefined]
    }) as ReturnType<typeof entries>
  }

  return { parts, fields }
}

/** What has been found of an element's parts, by their elements and by their fields. */
type Found = {
  readonly has: (element: string, name: string) => boolean
  readonly set: (value: unknown, element: string, name: string) => void
}

function partReader(
  namespace: string,
  known: ReadonlyMap<string, { readonly read: Read; readonly name: string }>,
): (element: XmlElement, at: At, found: Found) => void {
  return (element, at, found) => {
    refuseText(element, at)
    for (const child of element.children) {
      const { local } = child
      const part = child.uri === namespace ? known.get(local) : undefined
      if (part === undefined) refuse(at, local, unknownElement(child, namespace, known.keys()))
      else if (found.has(local, part.name)) refuse(at, part.name, `"${local}" is there twice`)
      else found.set(part.read(child, inside(at, part.name)), local, part.name)
    }
  }
}

/** For an element that has all of its parts, once each and in their order, as nearly all do: there is nothing to look up. */
function straightReader(
  namespace: string,
  parts: readonly { readonly element: string; readonly name: string; readonly read: Read }[],
): { readonly fits: (element: XmlElement) => boolean; readonly read: Read } {
  const whole = objectMaker(parts.map(({ name }) => name))
  const elements = parts.map(({ element }) => only(element))
  return {
    fits: ({ children, text }) => {
      if (text !== '' || children.length !== elements.length) return false
      for (let n = 0; n < elements.length; n++)
        if (children[n]!.local !== elements[n] || children[n]!.uri !== namespace) return false
      return true
    },
    read: ({ children }, at) => whole(parts.map(({ name, read }, n) => read(children[n]!, inside(at, name)))),
  }
}

/** Elements of one name. */
function listReader(namespace: string, name: string, read: Read): (element: XmlElement, at: At) => unknown[] {
  const own = only(name)
  return (element, at) => {
    refuseText(element, at)
    return element.children.map((child, n) => {
      if (child.local === own && child.uri === namespace) return read(child, inside(at, n))
      refuse(at, n, unknownElement(child, namespace, [name]))
      return undefined
    })
  }
}

function leaf(read: (text: string) => unknown): Read {
  return (element, at) => {
    for (const { local } of element.children) refuse(at, local, `"${local}" is inside of what has no elements`)
    return read(element.text)
  }
}

function fromJson(text: string): unknown {
  try {
    return unknownFromJson(JSON.parse(text))
  } catch {
    return text
  }
}

const NILS: ReadonlySet<string | undefined> = new Set(['true', '1'])
const isNil = ({ attributes }: XmlElement): boolean => attributes !== undefined && NILS.has(attributes.get(`{${XSI}}nil`)?.trim())

function unlike<M extends ReadonlyMap<unknown, unknown>>(map: M, { children }: XmlElement, at: At): M {
  if (map.size !== children.length) refuse(at, undefined, 'A key is there twice')
  return map
}

/** Text between elements that is no space. */
function refuseText({ text, children }: XmlElement, at: At): void {
  if (text === '' || text.trim() === '') return
  refuse(at, undefined, children.length === 0 ? 'Text is there instead of elements' : 'Text is there between elements')
}

function unknownElement({ uri, local }: XmlElement, namespace: string, known: Iterable<string>): string {
  const shown = `"${local.slice(0, 80)}"`
  if (uri !== namespace) return `${shown} is of the namespace "${uri.slice(0, 200)}", and "${namespace}" is wanted`
  return `${shown} is not known; known are ${[...known].slice(0, 20).join(', ') || 'none'}`
}

function refuse(at: At, key: string | number | undefined, message: string): void {
  if (at.issues.length >= MOST_ISSUES) return
  const path = key === undefined ? [] : [key]
  for (let one: At | undefined = at; one?.key !== undefined; one = one.around) path.unshift(one.key)
  at.issues.push({ path, message })
}

const inside = (around: At, key: string | number): At => ({ around, key, issues: around.issues })
