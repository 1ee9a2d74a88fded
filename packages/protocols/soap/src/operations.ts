/** The operations of one contract as SOAP has them, whatever carries the envelopes. */
import type { DeclaredError, Issue } from 'dure/contract'
import { Refusal, steeringOf, type Gathered, type Steering } from 'dure/door/internal'
import { refuseStrangeHeaders, type Envelope } from './envelope.ts'
import { headersOf } from './headers.ts'
import type { SoapModel, SoapOperation } from './model.ts'
import { whole, xmlReader, type XmlReader } from './read.ts'
import { xmlWriter, type XmlWriter } from './write.ts'
import type { XmlElement } from './xml.ts'

export type EnvelopeOperation = {
  readonly types: SoapOperation['types']
  readonly read: (content: XmlElement) => Gathered
  /** The answer, as it stands in the body. */
  readonly write: (value: unknown) => string
  /** The element of a declared error. */
  readonly declared: (error: DeclaredError) => string | undefined
}

/** What an envelope asks for. */
export type Asked = {
  readonly called: EnvelopeOperation
  readonly content: XmlElement
  readonly header: (name: string) => string | undefined
  readonly steering: Steering
}

export type AskedOptions = {
  /** What stands beside the envelope, as headers of HTTP do. */
  readonly header: (name: string) => string | undefined
  /** Milliseconds, at most. */
  readonly deadline: number
}

/** Compiles the way from an envelope to what it asks for; that throws a {Refusal}, or {CallError} UNAUTHENTICATED, for what asks for nothing. */
export function envelopeOperations(model: SoapModel): (envelope: Envelope, options: AskedOptions) => Asked {
  const [reader, writer] = [xmlReader(model), xmlWriter(model)]
  const operations = new Map(
    model.operations.map((operation) => [operation.element, compile({ operation, model, reader, writer })]),
  )
  return (envelope, { header: beside, deadline }) => {
    refuseStrangeHeaders(envelope)
    const { content } = envelope
    const header = headersOf(envelope, beside)
    const steering = steeringOf(header, deadline)
    const called = content?.uri === model.namespace ? operations.get(content.local) : undefined
    if (content === undefined || called === undefined) throw unknownOperation(model, content)
    return { called, content, header, steering }
  }
}

function compile({
  operation,
  model,
  reader,
  writer,
}: {
  readonly operation: SoapOperation
  readonly model: SoapModel
  readonly reader: XmlReader
  readonly writer: XmlWriter
}): EnvelopeOperation {
  const { types, input, output, answer } = operation
  const write = output === undefined ? () => '' : writer.part(output)
  const [open, close] = [`<${answer} xmlns="${model.namespace}">`, `</${answer}>`]
  const faults = new Map(
    operation.faults.map(({ code, element, data }) => {
      const own = data.kind === 'nothing' ? () => '' : writer.part({ element: 'data', type: data, optional: false })
      return [code, (value: unknown) => `<${element} xmlns="${model.namespace}">${own(value)}</${element}>`] as const
    }),
  )
  return {
    types,
    read: inputReader(reader, input),
    write: (value) => open + write(value) + close,
    declared: (error) => faults.get(error.code)?.(error.data),
  }
}

function inputReader(reader: XmlReader, input: SoapOperation['input']): EnvelopeOperation['read'] {
  const gathered = (read: (issues: Issue[]) => unknown): Gathered => {
    const issues: Issue[] = []
    const value = read(issues)
    return issues.length === 0 ? { ok: true, input: value } : { ok: false, issues }
  }
  if (input !== undefined && 'fields' in input) {
    const read = reader.fields(input.fields)
    return (content) => gathered((issues) => read(content, whole(issues)))
  }
  const read = reader.parts(input === undefined ? [] : [input.whole])
  return (content) => gathered((issues) => read(content, whole(issues)).get('input'))
}

function unknownOperation({ contract, namespace, operations }: SoapModel, content: XmlElement | undefined): Refusal {
  if (content === undefined) return new Refusal('PATH_NOT_FOUND', 'Cannot call anything: the Body of the envelope is empty')
  const shown = `"${content.local.slice(0, 80)}"`
  const why = operations.some(({ element }) => element === content.local)
    ? `it is of the namespace "${content.uri.slice(0, 100)}", and "${namespace}" is wanted`
    : `${contract.name} has no such operation; see its WSDL`
  return new Refusal('PATH_NOT_FOUND', `Cannot call ${shown}: ${why}`)
}
