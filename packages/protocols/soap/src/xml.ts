/** XML as SOAP has it: elements with namespaces and text, read within bounds, without documents' own types and entities. */
import { isUtf8 } from 'node:buffer'
import { SaxesParser } from 'saxes'

export type XmlElement = {
  readonly uri: string
  readonly local: string
  /** By `{namespace}name`, without the declarations of namespaces; undefined when there are none. */
  readonly attributes: ReadonlyMap<string, string> | undefined
  readonly children: XmlElement[]
  /** All of the text directly inside. */
  text: string
}

export type XmlLimits = {
  /** Elements inside one another. */
  readonly depth: number
  /** Attributes of one element, declarations of namespaces among them. */
  readonly attributes: number
  /** Elements of a document. */
  readonly elements: number
}

/** What cannot be read, in words for whoever sent it. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
}

/** @throws {XmlError} for what is no XML, more than the limits allow, or has what SOAP forbids */
export function readXml(bytes: Uint8Array, limits: XmlLimits): XmlElement {
  if (!isUtf8(bytes)) throw new XmlError('it is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: XmlElement[] = []
  let root: XmlElement | undefined
  let elements = 0
  let attributes = 0

  parser.on('error', ({ message }) => {
    throw new XmlError(`it is not well-formed (${message.slice(0, 200)})`)
  })
  parser.on('doctype', () => {
    throw new XmlError('it has a document type, which SOAP forbids')
  })
  parser.on('processinginstruction', () => {
    throw new XmlError('it has a processing instruction, which SOAP forbids')
  })
  parser.on('xmldecl', ({ version = '1.0', encoding = 'UTF-8' }) => {
    if (version !== '1.0') throw new XmlError(`it is XML ${version.slice(0, 10)}, and SOAP is written in XML 1.0`)
    if (!/^utf-?8$/i.test(encoding)) throw new XmlError(`its encoding is "${encoding.slice(0, 40)}"; send UTF-8`)
  })
  parser.on('opentagstart', () => {
    attributes = 0
    if (++elements > limits.elements) throw new XmlError(`it has more than ${limits.elements} elements`)
    if (open.length >= limits.depth) throw new XmlError(`it is nested more than ${limits.depth} levels deep`)
  })
  parser.on('attribute', () => {
    if (++attributes > limits.attributes) throw new XmlError(`an element of it has more than ${limits.attributes} attributes`)
  })
  parser.on('opentag', ({ uri, local, attributes: given }) => {
    const element: XmlElement = { uri, local, attributes: attributes === 0 ? undefined : named(given), children: [], text: '' }
    if (root === undefined) root = element
    else open.at(-1)!.children.push(element)
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
  // Without a root the parser has told of an error.
  return root!
}

type Attribute = { readonly uri: string; readonly local: string; readonly prefix: string; readonly value: string }

function named(attributes: Readonly<Record<string, Attribute>>): ReadonlyMap<string, string> | undefined {
  const own = new Map<string, string>()
  for (const { uri, local, value } of Object.values(attributes)) if (uri !== XMLNS) own.set(`{${uri}}${local}`, value)
  return own.size === 0 ? undefined : own
}

const XMLNS = 'http://www.w3.org/2000/xmlns/'

/** Whether XML 1.0 has a word for each of its characters. */
export function isXmlText(text: string): boolean {
  return !UNSPEAKABLE.test(text) && text.isWellFormed()
}

// oxlint-disable-next-line no-control-regex
const UNSPEAKABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/
const MARKS = /[&<>"\r]/
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#xD;' }

/** Text as it stands in an element; a line's end that would be read as another one is written by its number. */
export function escapeXml(text: string): string {
  return MARKS.test(text) ? text.replaceAll(/[&<>"\r]/g, (mark) => ENTITIES[mark]!) : text
}

/** Text for people, in which nothing needs to come back as it was. */
export function wordsToXml(text: string): string {
  const plain = isXmlText(text) ? text : text.toWellFormed().replaceAll(new RegExp(UNSPEAKABLE, 'g'), '\ufffd')
  return escapeXml(plain)
}

/** As an attribute's value, where spaces and ends of lines would be made one. */
export function attributeToXml(text: string): string {
  return wordsToXml(text).replaceAll(/[\t\n]/g, (mark) => (mark === '\t' ? '&#9;' : '&#10;'))
}

/** The first element inside of this name. */
export function childOf(element: XmlElement | undefined, uri: string, local: string): XmlElement | undefined {
  return element?.children.find((one) => one.local === local && one.uri === uri)
}
