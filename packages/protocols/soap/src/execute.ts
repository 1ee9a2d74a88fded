/** A request of SOAP over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DeclaredError, Issue } from 'dure/contract'
import {
  failureOf,
  httpExchange,
  readBody,
  Refusal,
  steeringOf,
  type Gathered,
  type HttpExchange,
  type OpenState,
  type OperationDoor,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import { envelopeOf, readEnvelope, refuseStrangeHeaders, SoapRefusal, V11, V12, type SoapVersion } from './envelope.ts'
import { faultToXml, statusOf, type Fault } from './fault.ts'
import { headersOf } from './headers.ts'
import type { SoapLimits } from './limits.ts'
import type { SoapModel, SoapOperation } from './model.ts'
import { xmlReader, type XmlReader } from './read.ts'
import { xmlWriter, type XmlWriter } from './write.ts'
import type { XmlElement } from './xml.ts'

export type SoapState = OpenState<SoapLimits>

/** What answers the envelopes of one contract. It never rejects. */
export type Executor = (request: IncomingMessage, response: ServerResponse) => Promise<void>

type Ready = {
  readonly door: OperationDoor
  readonly trace: { readonly name: string; readonly attributes: Readonly<Record<string, string>> }
  readonly read: (content: XmlElement) => Gathered
  /** The answer, as it stands in the body. */
  readonly write: (value: unknown) => string
  /** The element of a declared error. */
  readonly declared: (error: DeclaredError) => string | undefined
}

export function executor(state: SoapState, model: SoapModel, doorOf: (operation: SoapOperation) => OperationDoor): Executor {
  const [reader, writer] = [xmlReader(model), xmlWriter(model)]
  const ready = new Map(
    model.operations.map((operation) => [
      operation.element,
      prepare({ operation, model, reader, writer, door: doorOf(operation) }),
    ]),
  )
  return async (request, response) => {
    const exchange = httpExchange(state, request, response)
    let soap = contentVersion(exchange.header('content-type')) ?? V11
    try {
      refuseMedia(exchange.header('content-type'))
      const envelope = readEnvelope(await readBody(request, state.limits.body), state.limits)
      soap = envelope.soap
      refuseStrangeHeaders(envelope)
      const content = envelope.content
      const header = headersOf(envelope, exchange.header)
      const steering = steeringOf(header, state.limits.deadline)
      const called = content?.uri === model.namespace ? ready.get(content.local) : undefined
      if (content === undefined || called === undefined) throw unknownOperation(model, content)
      serve(called, { state, soap, exchange, header, steering, content, response })
    } catch (error) {
      refuse(response, state, error, { soap, exchange })
    }
  }
}

type Asked = {
  readonly state: SoapState
  readonly soap: SoapVersion
  readonly exchange: HttpExchange
  readonly header: (name: string) => string | undefined
  readonly steering: ReturnType<typeof steeringOf>
  readonly content: XmlElement
  readonly response: ServerResponse
}

function serve(called: Ready, { state, soap, exchange, header, steering, content, response }: Asked): void {
  const { correlationId, gone } = exchange
  const trace = exchange.trace(steering, called.trace)
  const fail = (error: unknown): void => {
    const failure = called.door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
    const declared = failure.by === 'contract' ? called.declared(error as DeclaredError) : undefined
    sendFault(response, state, { soap, failure, correlationId, declared })
  }
  const succeed = (value: unknown): void => {
    try {
      const body = envelopeOf(soap, called.write(value))
      send(response, state, { status: 200, soap, body })
    } catch (error) {
      fail(asInternal(error))
    }
  }
  called.door.take(
    { correlationId, steering, trace, header, signal: gone.signal, read: () => called.read(content) },
    { succeed, send: fail, fail },
  )
}

function prepare({
  operation,
  model,
  reader,
  writer,
  door,
}: {
  readonly operation: SoapOperation
  readonly model: SoapModel
  readonly reader: XmlReader
  readonly writer: XmlWriter
  readonly door: OperationDoor
}): Ready {
  const { types, input, output, answer } = operation
  const service = types.contract.name
  const write = output === undefined ? () => '' : writer.part(output)
  const [open, close] = [`<${answer} xmlns="${model.namespace}">`, `</${answer}>`]
  const faults = new Map(
    operation.faults.map(({ code, element, data }) => {
      const own = data.kind === 'nothing' ? () => '' : writer.part({ element: 'data', type: data, optional: false })
      return [code, (value: unknown) => `<${element} xmlns="${model.namespace}">${own(value)}</${element}>`] as const
    }),
  )
  return {
    door,
    trace: {
      name: `soap ${service}.${types.name}`,
      attributes: { 'http.request.method': 'POST', 'rpc.system': 'soap', 'rpc.service': service, 'rpc.method': types.name },
    },
    read: inputReader(reader, input),
    write: (value) => open + write(value) + close,
    declared: (error) => faults.get(error.code)?.(error.data),
  }
}

function inputReader(reader: XmlReader, input: SoapOperation['input']): Ready['read'] {
  const gathered = (read: (issues: Issue[]) => unknown): Gathered => {
    const issues: Issue[] = []
    const value = read(issues)
    return issues.length === 0 ? { ok: true, input: value } : { ok: false, issues }
  }
  if (input !== undefined && 'fields' in input) {
    const read = reader.fields(input.fields)
    return (content) => gathered((issues) => read(content, { path: [], issues }))
  }
  const read = reader.parts(input === undefined ? [] : [input.whole])
  return (content) => gathered((issues) => read(content, { path: [], issues }).get('input'))
}

/** What a service answers and SOAP has no word for is nothing that whoever asked has done. */
function asInternal(error: unknown): unknown {
  return error instanceof Error ? new Error(error.message, { cause: error }) : error
}

const MEDIA = /^\s*(text\/xml|application\/soap\+xml)\s*(?:;|$)/i

function contentVersion(type: string | undefined): SoapVersion | undefined {
  const media = MEDIA.exec(type ?? '')?.[1]?.toLowerCase()
  return media === undefined ? undefined : media === 'text/xml' ? V11 : V12
}

function refuseMedia(type = ''): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1] ?? 'utf-8'
  if (!MEDIA.test(type) || !/^utf-?8$/i.test(charset))
    throw new Refusal(
      'UNSUPPORTED_MEDIA_TYPE',
      `Cannot read a body of type "${type.slice(0, 100)}"; send text/xml (SOAP 1.1) or application/soap+xml (1.2) in UTF-8`,
    )
}

function unknownOperation({ contract, namespace, operations }: SoapModel, content: XmlElement | undefined): Refusal {
  if (content === undefined) return new Refusal('PATH_NOT_FOUND', 'Cannot call anything: the Body of the envelope is empty')
  const shown = `"${content.local.slice(0, 80)}"`
  const why = operations.some(({ element }) => element === content.local)
    ? `it is of the namespace "${content.uri.slice(0, 100)}", and "${namespace}" is wanted`
    : `${contract.name} has no such operation; see its WSDL`
  return new Refusal('PATH_NOT_FOUND', `Cannot call ${shown}: ${why}`)
}

/** Whatever is wrong with a request before it is a call. */
export function refuse(
  response: ServerResponse,
  state: SoapState,
  error: unknown,
  { soap, exchange: { correlationId } }: { readonly soap: SoapVersion; readonly exchange: Pick<HttpExchange, 'correlationId'> },
): void {
  const { failure, hidden } = failureOf(error, { correlationId })
  if (hidden) state.world.log.error('Cannot answer a request', { correlationId, error })
  // What is left of a body that is too large is not read.
  if (error instanceof Refusal && error.code === 'BODY_TOO_LARGE') response.setHeader('connection', 'close')
  const own = error instanceof SoapRefusal ? error : undefined
  sendFault(response, state, { soap: own?.soap ?? soap, failure, correlationId, own: own?.fault })
}

function sendFault(response: ServerResponse, state: SoapState, fault: Fault): void {
  if (fault.failure.http === 503 && !response.headersSent) response.setHeader('retry-after', '1')
  send(response, state, { status: statusOf(fault), soap: fault.soap, body: envelopeOf(fault.soap, faultToXml(fault)) })
}

function send(
  response: ServerResponse,
  state: SoapState,
  { status, soap, body }: { readonly status: number; readonly soap: SoapVersion; readonly body: string },
): void {
  if (response.destroyed || response.headersSent) return
  if (state.closing) response.setHeader('connection', 'close')
  const headers = { 'content-type': soap.contentType, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(body)
}
