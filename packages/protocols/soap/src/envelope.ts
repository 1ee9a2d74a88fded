/** Envelopes of SOAP 1.1 and 1.2. */
import { Refusal } from 'dure/door/internal'
import { CALL, SOAP11, SOAP12, WSSE, XSI } from './names.ts'
import { readXml } from './xml-reader.ts'
import { childOf, XmlError, type XmlElement, type XmlLimits } from './xml.ts'

export type SoapVersion = {
  readonly uri: string
  readonly contentType: string
  readonly version: '1.1' | '1.2'
}

export const V11: SoapVersion = { uri: SOAP11, contentType: 'text/xml; charset=utf-8', version: '1.1' }
export const V12: SoapVersion = { uri: SOAP12, contentType: 'application/soap+xml; charset=utf-8', version: '1.2' }

export type Envelope = {
  readonly soap: SoapVersion
  readonly headers: readonly XmlElement[]
  /** The one element of the body, if there is one. */
  readonly content: XmlElement | undefined
}

/** A refusal that SOAP has a fault of its own for. */
export class SoapRefusal extends Refusal {
  readonly fault: 'MustUnderstand' | 'VersionMismatch'
  readonly soap: SoapVersion

  constructor(fault: SoapRefusal['fault'], soap: SoapVersion, message: string) {
    super('MALFORMED_REQUEST', message)
    this.fault = fault
    this.soap = soap
  }
}

/** @throws {Refusal} for what is no envelope */
export function readEnvelope(bytes: Uint8Array, limits: XmlLimits): Envelope {
  const root = read(bytes, limits)
  const soap = root.uri === SOAP11 ? V11 : root.uri === SOAP12 ? V12 : undefined
  if (root.local === 'Envelope' && soap === undefined)
    throw new SoapRefusal('VersionMismatch', V11, `Cannot read an envelope of "${root.uri.slice(0, 100)}"; send SOAP 1.1 or 1.2`)
  if (soap === undefined || root.local !== 'Envelope')
    throw new Refusal('MALFORMED_REQUEST', `Cannot read the request: its root is "${root.local.slice(0, 80)}", and no Envelope`)
  const body = childOf(root, soap.uri, 'Body')
  if (body === undefined) throw new Refusal('MALFORMED_REQUEST', 'Cannot read the request: its envelope has no Body')
  if (body.children.length > 1)
    throw new Refusal('MALFORMED_REQUEST', 'Cannot read the request: its Body has more than one element')
  return { soap, headers: childOf(root, soap.uri, 'Header')?.children ?? [], content: body.children[0] }
}

function read(bytes: Uint8Array, limits: XmlLimits): XmlElement {
  try {
    return readXml(bytes, limits)
  } catch (error) {
    if (error instanceof XmlError) throw new Refusal('MALFORMED_REQUEST', `Cannot read the request as XML: ${error.message}`)
    throw error
  }
}

const OWN: ReadonlySet<string> = new Set([
  'http://schemas.xmlsoap.org/soap/actor/next',
  ...['next', 'ultimateReceiver'].map((role) => `${SOAP12}/role/${role}`),
])

/** @throws {SoapRefusal} when a header has to be understood and is not */
export function refuseStrangeHeaders({ soap, headers }: Pick<Envelope, 'soap' | 'headers'>): void {
  for (const { uri, local, attributes, children } of headers) {
    const must = attributes?.get(`{${soap.uri}}mustUnderstand`)?.trim()
    if (must !== '1' && must !== 'true') continue
    const role = attributes?.get(`{${soap.uri}}${soap === V11 ? 'actor' : 'role'}`)?.trim() ?? ''
    // Others, on the way of a message, are to understand it.
    if (role !== '' && !OWN.has(role)) continue
    const strange =
      uri === WSSE && local === 'Security' ? children.find((one) => one.local !== 'UsernameToken')?.local : undefined
    if (uri === CALL || (uri === WSSE && local === 'Security' && strange === undefined)) continue
    const what = strange === undefined ? `"${local.slice(0, 80)}"` : `"${local}" with "${strange.slice(0, 80)}"`
    throw new SoapRefusal('MustUnderstand', soap, `Cannot take the request: its header ${what} has to be understood, and is not`)
  }
}

/** @param headers written already @param content what is in the body */
export function envelopeOf({ uri }: SoapVersion, content: string, headers = ''): string {
  const head = headers === '' ? '' : `<soap:Header>${headers}</soap:Header>`
  return `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="${uri}" xmlns:xsi="${XSI}">${head}<soap:Body>${content}</soap:Body></soap:Envelope>`
}
