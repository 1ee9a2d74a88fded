/** XML as SOAP has it: elements with namespaces and text. It is read in `xml-reader.ts`. */

export type XmlElement = {
  readonly uri: string
  readonly local: string
  /** By `{namespace}name`, without the declarations of namespaces; undefined when there are none. */
  readonly attributes: ReadonlyMap<string, string> | undefined
  readonly children: readonly XmlElement[]
  /** All of the text directly inside. */
  readonly text: string
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

/** The same text as the one string that the engine keeps of it, as it does of keys: two such are compared without being read. */
export function only(text: string): string {
  return Object.keys({ [text]: true })[0]!
}

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
