/** Reads XML 1.0 with namespaces, within bounds: without documents' own types, and so without entities but XML's five. */
import { isUtf8 } from 'node:buffer'
import { expandedText, isXmlName, XML, XMLNS } from './xml-words.ts'
import { isXmlText, XmlError, type XmlElement, type XmlLimits } from './xml.ts'

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

/** Places for the names of a document, a power of two: each keeps the last of those that share it. */
const NAMES = 64

const NONE: XmlElement[] = []
const NO_ATTRIBUTES: Attribute[] = []
const DECLARATION =
  /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"([^"]*)"|'([^']*)')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"([^"]*)"|'([^']*)'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/

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
  readonly #names: (Name | undefined)[] = new Array<undefined>(NAMES).fill(undefined)

  constructor(text: string, limits: XmlLimits) {
    this.#text = text
    this.#limits = limits
  }

  document(): XmlElement {
    const text = this.#text
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1
    if (/^<\?xml[ \t\n]/.test(text.slice(this.#at, this.#at + 6))) this.#declaration()
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
    const found = DECLARATION.exec(this.#text.slice(this.#at))
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
    if (part.includes(']]>')) throw malformed('text in it has "]]>"')
    const expanded = part.includes('&') ? expandedText(part) : part
    if (expanded === undefined) throw malformed('text in it has an entity that is not known')
    open.text = open.text === '' ? expanded : open.text + expanded
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

  /** A document says the same few names again and again: one that it has said is known without being cut out and looked at. */
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
    const place = hash & (NAMES - 1)
    const known = this.#names[place]
    if (known !== undefined && known.name.length === at - from && text.startsWith(known.name, from)) return known
    return (this.#names[place] = nameOf(text.slice(from, at)))
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
  return colon === -1
    ? { name, prefix: '', local: name }
    : { name, prefix: name.slice(0, colon), local: name.slice(colon + 1) }
}

/** What prefixes stand for inside of an element. Source: Namespaces in XML 1.0, sections 2.2, 3 and 5. */
function declared(attributes: readonly Attribute[], around: Scope | undefined): Scope | undefined {
  let scope = around
  for (const { name, value } of attributes) {
    if (name === 'xmlns') {
      if (value === XML || value === XMLNS) throw malformed('its default namespace is one of XML’s own')
      scope = { prefix: '', uri: value, around: scope }
    } else if (name.startsWith('xmlns:')) {
      const prefix = name.slice(6)
      const isWrong = prefix === 'xmlns' || value === '' || value === XMLNS || (prefix === 'xml') !== (value === XML)
      if (isWrong) throw malformed(`the prefix ${quoted(prefix)} cannot stand for "${value.slice(0, 80)}"`)
      scope = { prefix, uri: value, around: scope }
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
