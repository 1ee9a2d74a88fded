import { type AnyOperation } from '../contract/contract.ts'
import { parserOf, privateFieldsOf, wireOf } from '../contract/internal.ts'
import { accessCheck, callerCheck, inputCheck } from './access.ts'
import type { Callee, EndpointOptions } from './callee.ts'
import { createFailureMapper } from './failure.ts'
import type { OperationMetrics } from './metrics.ts'
import { PendingCall } from './pending-call.ts'
import { PendingStream } from './pending-stream.ts'
import { rpcAttributes, servedShape } from './tracing.ts'
import { promised, type Route, type StartCall } from './transport.ts'

/**
 * The callee's half of a call, composed once per operation: see whether the caller may, admit, parse and isolate the input, see
 * whether the caller may with this one, run the
 * handler under its deadline, parse and isolate the output. Whatever carried the call here (the local
 * transport, a socket), everything from here on is the same.
 */
export type Endpoint = Route & { readonly operation: AnyOperation; readonly metrics: OperationMetrics | undefined }

function hiddenIn({ input }: AnyOperation): Callee['hidden'] {
  const fields = privateFieldsOf(input, 'input')
  if (fields === undefined) return undefined
  return (given) => {
    try {
      return fields.values(wireOf(input, 'input').toJson(given))
    } catch {
      // It is no input at all, and was refused.
      return []
    }
  }
}

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { operation, place, secured = true } = options
  const shared: Callee = {
    ...options,
    barred: callerCheck(place, options.callers),
    refused: secured ? accessCheck(place, operation) : undefined,
    denied: secured ? inputCheck(place, operation) : undefined,
    priority: operation.policy?.priority ?? 'normal',
    hidden: hiddenIn(operation),
    shape: options.tracer?.recorder.shape(servedShape(place, rpcAttributes(place))),
    parseInput: parserOf(operation.input, 'input'),
    parseIncoming: operation.kind === 'channel' ? parserOf(operation.incoming, 'input') : undefined,
    parseOutput: parserOf(operation.output, 'output'),
    toFailure: createFailureMapper(place, operation),
    onFault: (at, thrown, call) => {
      try {
        options.onFault(at, thrown, call)
      } catch {
        // Whoever is told must not keep the call from its end.
      }
    },
  }
  const start: StartCall = (input, context, to) => new PendingCall(shared, context, to).start(input)
  return {
    operation,
    metrics: options.metrics,
    call: promised(start),
    start,
    stream: (input, context, incoming) => ({
      [Symbol.asyncIterator]: () => new PendingStream(shared, context, input, incoming).values,
    }),
  }
}
