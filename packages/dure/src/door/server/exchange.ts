import type { IncomingMessage, ServerResponse } from 'node:http'
import { Cancellation } from '../../call/internal.ts'
import type { OpenState } from '../open-door.ts'
import { traceRequest, type RequestTrace } from '../span.ts'
import { correlationIdOf, type Steering } from '../steering.ts'

/** A request over HTTP and what becomes of it, whatever is said in it. */
export type HttpExchange = {
  /** A header by its name in lower case; one that is there several times is joined. */
  readonly header: (name: string) => string | undefined
  readonly correlationId: string
  /** Ended when whoever asked goes away before there is an answer. */
  readonly gone: Cancellation
  /** Continues or begins its trace, which ends with the answer. */
  readonly trace: (
    steering: Pick<Steering, 'traceparent'>,
    of: Pick<Parameters<typeof traceRequest>[1], 'name' | 'attributes'>,
  ) => RequestTrace
}

export function httpExchange(
  state: Pick<OpenState, 'door' | 'world'>,
  request: IncomingMessage,
  response: ServerResponse,
): HttpExchange {
  const header = (name: string): string | undefined => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  const correlationId = correlationIdOf(header('x-correlation-id')) ?? state.world.runtime.ids.next()
  response.setHeader('x-correlation-id', correlationId)
  const gone = new Cancellation()
  response.once('close', () => {
    if (!response.writableEnded) gone.cancel('caller')
  })
  return {
    ...{ header, correlationId, gone },
    trace: ({ traceparent }, of) => {
      const trace = traceRequest(state, { ...of, traceparent, tracestate: header('tracestate') })
      if (trace.span !== undefined) response.setHeader('traceresponse', trace.span.traceparent)
      response.once('close', () => {
        const failed = response.statusCode >= 500 ? new Error(`It was answered with ${response.statusCode}`) : undefined
        trace.end(failed, { 'http.response.status_code': response.statusCode })
      })
      return trace
    },
  }
}
