/** Reads XML 1.0 with namespaces, within bounds: without documents' own types, and so without entities but XML's five. */
import { isUtf8 } from 'node:buffer'
import { expandedText, isXmlName, XML, XMLNS } from './xml-words.ts'
import { isXmlText, only, XmlError, type XmlElement, type XmlLimits } from './xml.ts'

/** @throws {XmlError} for what is no XML, more than the limits allow, or has what SOAP forbids */
export function readXml(bytes: Uint8Array, limits: XmlLimits): XmlElement {
  if (!isUtf8(bytes)) throw new XmlError('it is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  if (!isXmlText(text)) throw malformed('it has a character that XML has no word for')
  // However a line ends, it is one character (XML 1.0, section 2.11).
  return new Reading(text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text, limits).document()
}

const malformed = (why: string): XmlError => new XmlError(`it is not well-formed (${why})`)
const early = (): XmlError => malformed('it ends too early')
const quoted = (name: string): string => `"${name.slice(0, 80)}"`

type Open = {
  readonly uri: string
  readonly local: string
  readonly attributes: ReadonlyMap<string, string> | undefined
  children: XmlElement[]
  text: string
  /** With its prefix, as its end says it. */
  readonly name: string
  readonly scope: Scope | undefined
  readonly around: Open | undefined
}

/** Prefixes and what they stand for, the innermost first; '' is the default. */
type Scope = { readonly prefix: string; readonly uri: string; readonly around: Scope | undefined }

type Attribute = { readonly name: string; readonly value: string }

/** A name as it stands there, and cut at its colon. */
type Name = { readonly name: string; readonly prefix: string; readonly local: string }

/** Names that documents have had, of whom each place keeps the last that came to it: all say the same few. A power of two. */
const NAMES = Array.from<Name | undefined>({ length: 256 })
/** Longer ones are not kept. */
const LONGEST_NAME = 100

const NONE: XmlElement[] = []
const NO_ATTRIBUTES: Attribute[] = []
const DECLARATION =
  /<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"([^"]*)"|'([^']*)')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"([^"]*)"|'([^']*)'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/y

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 9
const [MARK, SLASH, GREATER, QUESTION, EQUALS, DOUBLE, SINGLE] = [33, 47, 62, 63, 61, 34, 39]

class Reading {
  readonly #text: string
  readonly #limits: XmlLimits
  #at = 0
  #root: Open | undefined
  #open: Open | undefined
  #depth = 0
  #elements = 0

  /** Whether nothing in its text stands for something else, or may not be there. */
  readonly #isPlain: boolean

  constructor(text: string, limits: XmlLimits) {
    this.#text = text
    this.#isPlain = !text.includes('&') && !text.includes(']]>')
    this.#limits = limits
  }

  document(): XmlElement {
    const text = this.#text
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1
    if (text.startsWith('<?xml', this.#at) && isSpace(text.charCodeAt(this.#at + 5))) this.#declaration()
    for (;;) {
      const from = this.#at
      const next = text.indexOf('<', from)
      const to = next === -1 ? text.length : next
      if (to > from) this.#characters(from, to)
      if (next === -1) break
      this.#at = next + 1
      const code = text.charCodeAt(next + 1)
      if (code === SLASH) this.#close()
      else if (code === MARK) this.#marked()
      else if (code === QUESTION) throw new XmlError('it has a processing instruction, which SOAP forbids')
      else this.#begin()
    }
    if (this.#open !== undefined) throw malformed(`${quoted(this.#open.name)} is not closed`)
    if (this.#root === undefined) throw malformed('it has no element')
    return this.#root
  }

  #declaration(): void {
    DECLARATION.lastIndex = this.#at
    const found = DECLARATION.exec(this.#text)
    if (found === null) throw malformed('its declaration cannot be read')
    const [whole, double, single, encodingDouble, encodingSingle] = found
    const version = double ?? single ?? ''
    const encoding = encodingDouble ?? encodingSingle ?? 'UTF-8'
    if (version !== '1.0') throw new XmlError(`it is XML ${version.slice(0, 10)}, and SOAP is written in XML 1.0`)
    if (!/^utf-?8$/i.test(encoding)) throw new XmlError(`its encoding is "${encoding.slice(0, 40)}"; send UTF-8`)
    this.#at += whole.length
  }

  #characters(from: number, to: number): void {
    const part = this.#text.slice(from, to)
    const open = this.#open
    if (open === undefined) {
      for (let at = 0; at < part.length; at++)
        if (!isSpace(part.charCodeAt(at))) throw malformed('it has text outside of its element')
      return
    }
    const expanded = this.#isPlain ? part : this.#expanded(part)
    if (expanded === undefined) throw malformed('text in it has an entity that is not known')
    open.text = open.text === '' ? expanded : open.text + expanded
  }

  #expanded(part: string): string | undefined {
    if (part.includes(']]>')) throw malformed('text in it has "]]>"')
    return part.includes('&') ? expandedText(part) : part
  }

  /** A comment, or text that is to be read as it is. */
  #marked(): void {
    const text = this.#text
    const at = this.#at
    if (text.startsWith('!--', at)) {
      const end = text.indexOf('--', at + 3)
      if (end === -1) throw early()
      if (text.charCodeAt(end + 2) !== GREATER) throw malformed('a comment in it has "--"')
      this.#at = end + 3
    } else if (text.startsWith('![CDATA[', at)) {
      const end = text.indexOf(']]>', at)
      if (end === -1) throw early()
      if (this.#open === undefined) throw malformed('it has text outside of its element')
      this.#open.text += text.slice(at + 8, end)
      this.#at = end + 3
    } else if (text.startsWith('!DOCTYPE', at)) throw new XmlError('it has a document type, which SOAP forbids')
    else throw malformed('it has a declaration that is not known')
  }

  #close(): void {
    const text = this.#text
    const open = this.#open
    const from = this.#at + 1
    if (open === undefined || !text.startsWith(open.name, from)) throw malformed(`${this.#named(from)} is closed, and not open`)
    let at = from + open.name.length
    while (isSpace(text.charCodeAt(at))) at++
    if (text.charCodeAt(at) !== GREATER)
      throw at >= text.length ? early() : malformed(`${this.#named(from)} is closed, and not open`)
    this.#at = at + 1
    this.#end(open)
  }

  #named(from: number): string {
    return quoted(this.#text.slice(from, from + 80).split(/[\s>]/, 1)[0]!)
  }

  #end(open: Open): void {
    this.#open = open.around
    this.#depth--
  }

  #begin(): void {
    if (++this.#elements > this.#limits.elements) throw new XmlError(`it has more than ${this.#limits.elements} elements`)
    if (++this.#depth > this.#limits.depth) throw new XmlError(`it is nested more than ${this.#limits.depth} levels deep`)
    const around = this.#open
    if (around === undefined && this.#root !== undefined) throw malformed('it has more than one element')
    const { name, prefix, local } = this.#name()
    const attributes = this.#attributes()
    const isEmpty = this.#text.charCodeAt(this.#at) === SLASH
    if (isEmpty && this.#text.charCodeAt(++this.#at) !== GREATER) throw malformed('it has "/" in the midst of a tag')
    this.#at++
    if (prefix === 'xmlns') throw malformed('an element of it has the prefix "xmlns"')
    const isBare = attributes.length === 0
    const scope = isBare ? around?.scope : declared(attributes, around?.scope)
    const uri = uriOf(prefix, scope)
    const own = isBare ? undefined : named(attributes, scope)
    const open: Open = { uri, local, attributes: own, children: NONE, text: '', name, scope, around }
    if (around === undefined) this.#root = open
    else if (around.children === NONE) around.children = [open]
    else around.children.push(open)
    this.#open = open
    if (isEmpty) this.#end(open)
  }

  /** One that is known is neither cut out nor looked at. */
  #name(): Name {
    const text = this.#text
    const from = this.#at
    let [at, hash] = [from, 0]
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === GREATER || code === SLASH || code === EQUALS || isSpace(code)) break
      hash = (hash * 31 + code) | 0
    }
    if (at === text.length) throw early()
    this.#at = at
    const place = hash & (NAMES.length - 1)
    const known = NAMES[place]
    if (known !== undefined && known.name.length === at - from && text.startsWith(known.name, from)) return known
    const name = nameOf(text.slice(from, at))
    if (at - from <= LONGEST_NAME) NAMES[place] = name
    return name
  }

  /** Goes on to what ends the tag. */
  #spaces(): boolean {
    const from = this.#at
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#at > from
  }

  #attributes(): Attribute[] {
    let attributes = NO_ATTRIBUTES
    for (;;) {
      const isApart = this.#spaces()
      const code = this.#text.charCodeAt(this.#at)
      if (code === GREATER || code === SLASH) return attributes
      if (this.#at >= this.#text.length) throw early()
      if (!isApart) throw malformed('there is no space before an attribute')
      if (attributes.length >= this.#limits.attributes)
        throw new XmlError(`an element of it has more than ${this.#limits.attributes} attributes`)
      const one = this.#attribute()
      if (attributes === NO_ATTRIBUTES) attributes = [one]
      else attributes.push(one)
    }
  }

  #attribute(): Attribute {
    const text = this.#text
    const { name } = this.#name()
    this.#spaces()
    if (text.charCodeAt(this.#at) !== EQUALS) throw malformed(`the attribute ${quoted(name)} has no value`)
    this.#at++
    this.#spaces()
    const quote = text.charCodeAt(this.#at)
    if (quote !== DOUBLE && quote !== SINGLE) throw malformed(`the value of the attribute ${quoted(name)} is not in quotes`)
    const from = this.#at + 1
    const to = text.indexOf(quote === DOUBLE ? '"' : "'", from)
    if (to === -1) throw early()
    const given = text.slice(from, to)
    if (given.includes('<')) throw malformed(`the value of the attribute ${quoted(name)} has "<"`)
    // Space of any kind is one, unless it is written by its number (XML 1.0, section 3.3.3).
    const spaced = /[\t\n]/.test(given) ? given.replaceAll(/[\t\n]/g, ' ') : given
    const value = spaced.includes('&') ? expandedText(spaced) : spaced
    if (value === undefined) throw malformed(`the attribute ${quoted(name)} has an entity that is not known`)
    this.#at = to + 1
    return { name, value }
  }
}

function nameOf(name: string): Name {
  if (!isXmlName(name)) throw malformed(`${quoted(name)} is no name`)
  const colon = name.indexOf(':')
  const own = only(name)
  return colon === -1
    ? { name: own, prefix: '', local: own }
    : { name: own, prefix: only(name.slice(0, colon)), local: only(name.slice(colon + 1)) }
}

/** What prefixes stand for inside of an element. Source: Namespaces in XML 1.0, sections 2.2, 3 and 5. */
function declared(attributes: readonly Attribute[], around: Scope | undefined): Scope | undefined {
  let scope = around
  for (const { name, value } of attributes) {
    if (name === 'xmlns') {
      if (value === XML || value === XMLNS) throw malformed('its default namespace is one of XML’s own')
      scope = { prefix: '', uri: only(value), around: scope }
    } else if (name.startsWith('xmlns:')) {
      const prefix = name.slice(6)
      const isWrong = prefix === 'xmlns' || value === '' || value === XMLNS || (prefix === 'xml') !== (value === XML)
      if (isWrong) throw malformed(`the prefix ${quoted(prefix)} cannot stand for "${value.slice(0, 80)}"`)
      scope = { prefix, uri: only(value), around: scope }
    }
  }
  return scope
}

function uriOf(prefix: string, scope: Scope | undefined): string {
  for (let one = scope; one !== undefined; one = one.around) if (one.prefix === prefix) return one.uri
  if (prefix === '') return ''
  if (prefix === 'xml') return XML
  throw malformed(`the prefix ${quoted(prefix)} stands for nothing`)
}

/** By `{namespace}name`, but for declarations; undefined when there are none. */
function named(attributes: readonly Attribute[], scope: Scope | undefined): ReadonlyMap<string, string> | undefined {
  // Most have one, which declares the namespace.
  if (attributes.length === 1 && attributes[0]!.name === 'xmlns') return undefined
  let own: Map<string, string> | undefined
  let declarations: Set<string> | undefined
  for (const { name, value } of attributes) {
    const colon = name.indexOf(':')
    const isDeclaration = colon === -1 ? name === 'xmlns' : name.startsWith('xmlns:')
    const known = isDeclaration ? name : `{${colon === -1 ? '' : uriOf(name.slice(0, colon), scope)}}${name.slice(colon + 1)}`
    const twice = isDeclaration ? (declarations ??= new Set()) : (own ??= new Map<string, string>())
    if (twice.has(known)) throw malformed(`the attribute ${quoted(name)} is there twice`)
    if (isDeclaration) declarations!.add(known)
    else own!.set(known, value)
  }
  return own
}
