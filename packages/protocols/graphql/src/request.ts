/** One request: what it steers, whose it is, and the calls that its fields are. */
import type { Principal } from 'dure/contract'
import {
  type Cancellation,
  type Failure,
  type OpenState,
  type OperationDoor,
  type RequestTrace,
  type Steering,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import { GraphQLError } from 'graphql'

/** Keys that somebody waits for the answers of, by what tells them apart. */
export type Waiting = Map<unknown, PromiseWithResolvers<readonly unknown[]> & { readonly key: unknown }>

export type RequestContext = {
  readonly correlationId: string
  readonly steering: Steering
  readonly trace: Pick<RequestTrace, 'span' | 'traceparent' | 'tracestate'>
  readonly header: (name: string) => string | undefined
  /** Whoever asked has gone. */
  readonly gone: Cancellation
  /** Found out once, when the first field asks. */
  readonly principal: () => Promise<Principal | undefined> | undefined
  /** Calls that links of one level share. */
  readonly loaders: Map<object, Waiting>
  /** Several commands of one request need keys of their own. */
  readonly commands: number
}

export function requestContext(
  state: OpenState,
  of: Pick<RequestContext, 'correlationId' | 'header' | 'gone' | 'trace' | 'steering' | 'commands'> & {
    /** Finds out who calls. Default: by the headers. */
    readonly authenticate?: RequestContext['principal']
  },
): RequestContext {
  const { host, door } = state
  const { authenticate = () => host.authenticate?.({ door, header: of.header }), ...request } = of
  let principal: Promise<Principal | undefined> | undefined
  return { ...request, principal: () => (principal ??= authenticate()), loaders: new Map() }
}

/** Calls an operation for one field. @throws {GraphQLError} with the failure's code and fields as its extensions */
export function callField(
  door: OperationDoor,
  context: RequestContext,
  field: { readonly input: () => unknown; readonly path: string },
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(errorOf(tellOf(door, context, error)))
    door.take(requestOf(context, field), { succeed: resolve, send: resolve, fail })
  })
}

function requestOf(context: RequestContext, { input, path }: { readonly input: () => unknown; readonly path: string }) {
  const { correlationId, trace, header, gone, commands } = context
  const key = context.steering.idempotencyKey
  const steering =
    key === undefined || commands < 2 ? context.steering : { ...context.steering, idempotencyKey: `${key}/${path}` }
  const principal = context.principal()
  const read = () => ({ ok: true, input: input() }) as const
  return { correlationId, steering, trace, header, gone, read, ...(principal === undefined ? {} : { principal }) }
}

export function tellOf(door: OperationDoor, { correlationId, trace }: RequestContext, error: unknown): Failure {
  return door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
}

/** A failure in GraphQL's words. */
export function errorOf({ by, code, message, status, issues, data }: Failure): GraphQLError {
  return new GraphQLError(message, {
    extensions: {
      code,
      ...(by === 'contract' ? { status } : {}),
      ...(data === undefined ? {} : { data }),
      ...(issues === undefined ? {} : { issues: issues.map(({ path, message }) => ({ path, message })) }),
    },
  })
}
