/** A request of SOAP over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DeclaredError } from 'dure/contract'
import {
  failureOf,
  httpExchange,
  readBody,
  Refusal,
  sendWhole,
  type HttpExchange,
  type OpenState,
  type OperationDoor,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import { envelopeOf, readEnvelope, SoapRefusal, V11, V12, type SoapVersion } from './envelope.ts'
import { faultToXml, statusOf, type Fault } from './fault.ts'
import type { SoapLimits } from './limits.ts'
import type { SoapModel, SoapOperation } from './model.ts'
import { envelopeOperations, type Asked } from './operations.ts'

export type SoapState = OpenState<SoapLimits>

/** What answers the envelopes of one contract. It never rejects. */
export type Executor = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** How operations are called over this door, by their names. */
type Doors = ReadonlyMap<string, { readonly door: OperationDoor; readonly trace: Parameters<HttpExchange['trace']>[1] }>

export function executor(state: SoapState, model: SoapModel, doorOf: (operation: SoapOperation) => OperationDoor): Executor {
  const asked = envelopeOperations(model)
  const service = model.contract.name
  const doors: Doors = new Map(
    model.operations.map((operation) => {
      const { name } = operation.types
      const attributes = { 'http.request.method': 'POST', 'rpc.system': 'soap', 'rpc.service': service, 'rpc.method': name }
      return [name, { door: doorOf(operation), trace: { name: `soap ${service}.${name}`, attributes } }]
    }),
  )
  return async (request, response) => {
    const exchange = httpExchange(state, request, response)
    let soap = contentVersion(exchange.header('content-type')) ?? V11
    try {
      refuseMedia(exchange.header('content-type'))
      const envelope = readEnvelope(await readBody(request, state.limits.body), state.limits)
      soap = envelope.soap
      serve(asked(envelope, { header: exchange.header, deadline: state.limits.deadline }), {
        ...{ state, doors, soap, exchange, response },
      })
    } catch (error) {
      refuse(response, state, error, { soap, exchange })
    }
  }
}

type Serving = {
  readonly state: SoapState
  readonly doors: Doors
  readonly soap: SoapVersion
  readonly exchange: HttpExchange
  readonly response: ServerResponse
}

function serve({ called, content, header, steering }: Asked, { state, doors, soap, exchange, response }: Serving): void {
  const { correlationId, gone } = exchange
  const { door, trace: traced } = doors.get(called.types.name)!
  const trace = exchange.trace(steering, traced)
  const fail = (error: unknown): void => {
    const failure = door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
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
  door.take({ correlationId, steering, trace, header, gone, read: () => called.read(content) }, { succeed, send: fail, fail })
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
  sendWhole(response, state, { status, headers: { 'content-type': soap.contentType }, body })
}
