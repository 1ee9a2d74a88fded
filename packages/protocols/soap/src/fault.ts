/** Failures in SOAP's words. */
import type { Failure } from 'dure/door/internal'
import type { SoapVersion } from './envelope.ts'
import { V12 } from './envelope.ts'
import { FAULT } from './names.ts'
import { attributeToXml, wordsToXml } from './xml.ts'

export type Fault = {
  readonly soap: SoapVersion
  readonly failure: Failure
  readonly correlationId: string
  /** A fault of SOAP's own. */
  readonly own?: 'MustUnderstand' | 'VersionMismatch' | undefined
  /** The element of a declared error, with its fields. */
  readonly declared?: string | undefined
}

/** The fault, as it stands in the body. */
export function faultToXml(fault: Fault): string {
  const { soap, failure, own } = fault
  const code = own ?? codeOf(soap, failure)
  const words = wordsToXml(failure.message)
  // What is wrong with a header is said without details, as SOAP asks.
  const details = own === undefined ? (fault.declared ?? '') + detailOf(fault) : ''
  if (soap !== V12) {
    const detail = details === '' ? '' : `<detail>${details}</detail>`
    return `<soap:Fault><faultcode>soap:${code}</faultcode><faultstring xml:lang="en">${words}</faultstring>${detail}</soap:Fault>`
  }
  const sub =
    own === undefined ? `<soap:Subcode><soap:Value xmlns:f="${FAULT}">f:${failure.code}</soap:Value></soap:Subcode>` : ''
  const detail = details === '' ? '' : `<soap:Detail>${details}</soap:Detail>`
  return `<soap:Fault><soap:Code><soap:Value>soap:${code}</soap:Value>${sub}</soap:Code><soap:Reason><soap:Text xml:lang="en">${words}</soap:Text></soap:Reason>${detail}</soap:Fault>`
}

/** Who is to blame: whoever asked, or whoever was asked. */
function codeOf(soap: SoapVersion, { http }: Failure): string {
  const theirs = http < 500
  return soap === V12 ? (theirs ? 'Sender' : 'Receiver') : theirs ? 'Client' : 'Server'
}

/** HTTP has one status for all faults of SOAP 1.1, and two for those of 1.2. */
export function statusOf({ soap, failure, own }: Fault): number {
  return soap === V12 && own === undefined && failure.http < 500 ? 400 : 500
}

function detailOf({ failure, correlationId }: Fault): string {
  const { code, status, issues = [] } = failure
  const wrong = issues.map(
    ({ path, message }) => `<f:issue path="${attributeToXml(path.join('.'))}">${wordsToXml(message)}</f:issue>`,
  )
  return `<f:failure xmlns:f="${FAULT}" code="${code}" status="${status}" correlation-id="${attributeToXml(correlationId)}">${wrong.join('')}</f:failure>`
}
