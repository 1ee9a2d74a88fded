/** What a SOAP service of others has answered: a value of the contract, or the failure that its fault says. */
import { CallError, DeclaredError, STATUSES, type ErrorTypes, type Issue, type Status } from 'dure/contract'
import { statusOfHttp } from 'dure/door/internal'
import { readEnvelope, V12, type Envelope } from './envelope.ts'
import type { SoapModel, SoapOperation } from './model.ts'
import { FAULT } from './names.ts'
import { whole, type XmlReader } from './read.ts'
import { childOf, type XmlElement } from './xml.ts'

export type SoapAnswer = {
  /** `orders.place` */
  readonly place: string
  readonly http: number
  readonly type: string
  readonly bytes: Uint8Array
}

/** What others answer is bounded in bytes; that it is no bomb they are trusted with. */
const LIMITS = { depth: 1_000, attributes: 1_000, elements: 1_000_000 }
/** Characters of a failure's words, at most: as of any other failure. */
const LONGEST_WORDS = 8_000

/** Compiles the way from an answer to a value, or to the error that is thrown. */
export function answerReader(model: SoapModel, reader: XmlReader): (operation: SoapOperation) => (answer: SoapAnswer) => unknown {
  return (operation) => {
    const output = reader.parts(operation.output === undefined ? [] : [operation.output])
    const toError = faultReader(model, reader, operation)
    return (answer) => {
      const { place, http, type, bytes } = answer
      if (!/xml/i.test(type)) return byHttp(answer)
      let envelope: Envelope
      try {
        envelope = readEnvelope(bytes, LIMITS)
      } catch {
        return http === 200 ? new CallError('INTERNAL', `Call to ${place} failed: its answer is no envelope`) : byHttp(answer)
      }
      const { content, soap } = envelope
      if (content?.local === 'Fault' && content.uri === soap.uri) return toError(content, envelope, answer)
      if (content?.local !== operation.answer || content.uri !== model.namespace) {
        return new CallError(
          'INTERNAL',
          `Call to ${place} failed: its answer is no "${operation.answer}" of "${model.namespace}"`,
        )
      }
      const issues: Issue[] = []
      const value = output(content, whole(issues)).get('result')
      if (issues.length === 0) return value
      const [first] = issues as [Issue]
      return new CallError(
        'INTERNAL',
        `Call to ${place} failed: its answer does not match the contract at "${first.path.join('.')}": ${first.message}`,
      )
    }
  }
}

function byHttp({ place, http }: SoapAnswer): CallError {
  const code = http === 200 ? 'INTERNAL' : statusOfHttp(http)
  return new CallError(code, `Call to ${place} failed: it was answered with ${http}, and no envelope`)
}

function faultReader({ namespace }: SoapModel, reader: XmlReader, { faults, types }: SoapOperation) {
  const errors = Object.values(types.operation.errors as ErrorTypes)
  const declared = new Map(
    faults.map(({ code, element, data }) => {
      const read = reader.parts(data.kind === 'nothing' ? [] : [{ element: 'data', type: data, optional: false }])
      const { status } = errors.find((error) => error.code === code)!
      return [element, { code: code as string, status, read }] as const
    }),
  )
  return (fault: XmlElement, { soap }: Envelope, { place, http }: SoapAnswer): Error => {
    const { code, words, detail } = soap === V12 ? fault12(fault, soap.uri) : fault11(fault)
    const message = words === '' ? `Call to ${place} failed with a fault` : words.slice(0, LONGEST_WORDS)
    for (const one of detail?.children ?? []) {
      const known = one.uri === namespace ? declared.get(one.local) : undefined
      if (known === undefined) continue
      const issues: Issue[] = []
      const data = known.read(one, whole(issues)).get('data')
      if (issues.length === 0) return new DeclaredError({ code: known.code, status: known.status, message, data })
      return new CallError('INTERNAL', `Call to ${place} failed with "${known.code}", whose data do not match its contract`)
    }
    const failure = childOf(detail, FAULT, 'failure')
    const status = failure?.attributes?.get('{}status') ?? ''
    if (Object.hasOwn(STATUSES, status)) return canonical(place, status as Status, { message, failure: failure! })
    // Whoever says nothing but who is to blame.
    if (/^(?:Client|Sender)\b/.test(code)) return new CallError('INVALID_ARGUMENT', message)
    const by = http === 500 ? 'UNKNOWN' : statusOfHttp(http)
    return new CallError(by, `Call to ${place} failed inside the service: it was answered with a fault`, { inside: true })
  }
}

function canonical(
  place: string,
  status: Status,
  { message, failure }: { readonly message: string; readonly failure: XmlElement },
): CallError {
  // What our doors say then is where its reason is logged.
  if (status === 'INTERNAL' || status === 'UNKNOWN')
    return new CallError(status, `Call to ${place} failed inside the service; its log says why`)
  const issues = failure.children.map((one): Issue => {
    const path = one.attributes?.get('{}path') ?? ''
    return { path: path === '' ? [] : path.split('.'), message: one.text }
  })
  return new CallError(status, message, issues.length === 0 ? {} : { details: { issues } })
}

type Read = { readonly code: string; readonly words: string; readonly detail: XmlElement | undefined }

function fault11(fault: XmlElement): Read {
  const own = (name: string): XmlElement | undefined => childOf(fault, '', name)
  return { code: localOf(own('faultcode')), words: own('faultstring')?.text ?? '', detail: own('detail') }
}

function fault12(fault: XmlElement, uri: string): Read {
  const code = childOf(childOf(fault, uri, 'Code'), uri, 'Value')
  const words = childOf(childOf(fault, uri, 'Reason'), uri, 'Text')?.text ?? ''
  return { code: localOf(code), words, detail: childOf(fault, uri, 'Detail') }
}

/** Of `soap:Client` what is behind the prefix. */
const localOf = (element: XmlElement | undefined): string => (element?.text ?? '').trim().replace(/^[^:]*:/, '')
