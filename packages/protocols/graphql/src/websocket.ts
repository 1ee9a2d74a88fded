/** Operations over WebSocket, as graphql-ws has them: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
import type { IncomingMessage } from 'node:http'
import { CallError, type Principal } from 'dure/contract'
import {
  admit,
  Cancellation,
  correlationIdOf,
  failureOf,
  originRefusal,
  refuseUpgrade,
  steeringOf,
  traceRequest,
  type RequestTrace,
  type Upgrade,
  type UpgradeRefusal,
} from 'dure/door/internal'
import { type execute, GraphQLError, subscribe, type ExecutionArgs, type ExecutionResult } from 'graphql'
import { CloseCode, handleProtocols, makeServer, type Context, type SubscribePayload } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { argsOf, formatted, type Head, type Served } from './execute.ts'
import { connect, type Connection } from './connection.ts'
import { errorOf, type RequestContext } from './request.ts'

type HeaderOf = (name: string) => string | undefined

/** What a connection has said of itself, and what it has under way. */
type Extra = {
  header: HeaderOf
  readonly operations: Map<string, Operation>
  readonly connection: () => Connection
}
type Line = Context<Readonly<Record<string, unknown>> | undefined, Extra>

type Operation = {
  readonly gone: Cancellation
  readonly correlationId: string
  readonly trace: RequestTrace
  /** It goes on until somebody ends it. */
  streams: boolean
}

/** Makes what takes connections of WebSocket at the door's path. */
export function webSockets(
  served: Served,
  { path, origins }: { readonly path: string; readonly origins: readonly string[] },
): Upgrade {
  const { state } = served
  const { limits, world } = state
  const sockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: limits.body, handleProtocols })
  const operationOf = (args: ExecutionArgs): Operation =>
    (args.contextValue as RequestContext & { readonly operation: Operation }).operation
  const server = makeServer<Line['connectionParams'], Extra>({
    // Timers are the door's own.
    connectionInitWaitTimeout: 0,
    onConnect: (line) => hello(served, line),
    onSubscribe: (line, id, payload) => begin(served, line, { id, payload }),
    execute: (args) => served.execute(args) as ReturnType<typeof execute> & ExecutionResult,
    subscribe: async (args) => {
      const results = await subscribe(args)
      return Symbol.asyncIterator in results ? endable(results, operationOf(args)) : results
    },
    onNext: (_line, _id, _payload, _args, result) =>
      result.errors && { ...result, errors: result.errors.map((error) => (formatted(error) as GraphQLError).toJSON()) },
    onError: (line, id, _payload, errors) => {
      world.runtime.timers.soon(() => over(served, line.extra, id))
      return errors.map((error) => (formatted(toldOf(error, line.extra.operations.get(id))) as GraphQLError).toJSON())
    },
    // What it ends with is sent in this turn.
    onComplete: (line, id) => world.runtime.timers.soon(() => over(served, line.extra, id)),
  })
  let connections = 0

  return (request, socket, head) => {
    const refusal = refusalOf(request, { path, origins, room: !state.closing && connections < limits.connections })
    if (refusal !== undefined) return refuseUpgrade(socket, refusal)
    connections++
    socket.once('close', () => void connections--)
    sockets.handleUpgrade(request, socket, head, (one) => {
      const operations = new Map<string, Operation>()
      const extra: Extra = { header: headerOf(request.headers), operations, connection: () => connection }
      const connection = connect(one, {
        state,
        isIdle: () => [...operations.values()].every(({ streams }) => streams),
        closed: (code, reason) => {
          for (const id of [...operations.keys()]) over(served, extra, id)
          closed(code, reason).catch((error: unknown) => world.log.error('Cannot end what was asked over WebSocket', { error }))
        },
      })
      const closed = server.opened(connection.socket, extra)
    })
  }
}

function refusalOf(
  { url, headers }: IncomingMessage,
  { path, origins, room }: { readonly path: string; readonly origins: readonly string[]; readonly room: boolean },
): UpgradeRefusal | undefined {
  if (url!.split('?', 1)[0] !== path) return ['404 Not Found', `Nothing is served there; GraphQL is at "${path}"`]
  const full = ['503 Service Unavailable', 'There are as many connections as may be; try again soon'] as const
  return originRefusal(headers, origins) ?? (room ? undefined : full)
}

/** Who connects is found out from what it has said as `connection_init` has it, and before that in its request. */
async function hello({ state }: Served, { connectionParams, extra }: Line): Promise<boolean> {
  const before = extra.header
  const given = headersIn(connectionParams)
  extra.header = (name) => given(name) ?? before(name)
  extra.connection().greeted()
  try {
    await state.host.authenticate?.({ door: state.door, header: extra.header })
    return true
  } catch (error) {
    const correlationId = state.world.runtime.ids.next()
    const { failure, hidden } = failureOf(error, { correlationId })
    if (hidden) state.world.log.error('Cannot find out who connects', { correlationId, error })
    extra.connection().close(CloseCode.Forbidden, failure.message)
    return false
  }
}

/** Found out anew for each operation: what a connection has shown once may have ended since. */
async function callerOf({ state }: Served, { header, connection }: Extra): Promise<Principal | undefined> {
  try {
    return await state.host.authenticate?.({ door: state.door, header })
  } catch (error) {
    // Nothing newer can be said on this connection: its client opens another, and asks again there.
    if (error instanceof CallError && error.code === 'UNAUTHENTICATED')
      connection().close(CloseCode.Forbidden, failureOf(error, { correlationId: '' }).failure.message)
    throw error
  }
}

/** Headers of one message: texts, or texts in `headers`, by names of any case. */
function headersIn(params: Readonly<Record<string, unknown>> | null | undefined): HeaderOf {
  const { headers } = params ?? {}
  const all = { ...params, ...(typeof headers === 'object' ? headers : {}) }
  const known = Object.entries(all).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name.toLowerCase(), value] as const] : [],
  )
  return headerOf(Object.fromEntries(known))
}

const headerOf =
  (headers: Readonly<Record<string, string | readonly string[] | undefined>>): HeaderOf =>
  (name) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    return typeof value === 'object' ? value.join(', ') : value
  }

function begin(
  served: Served,
  { subscriptions, extra }: Line,
  { id, payload }: { readonly id: string; readonly payload: SubscribePayload },
): ExecutionArgs | readonly GraphQLError[] {
  const { state, known } = served
  const { limits, world } = state
  // What steers a call is said with it: a connection has many.
  const header = headersIn(payload.extensions)
  const correlationId = correlationIdOf(header('x-correlation-id')) ?? world.runtime.ids.next()
  try {
    if (Object.keys(subscriptions).length > limits.operations)
      throw new GraphQLError(`Cannot begin it: ${limits.operations} are under way on this connection`, {
        extensions: { code: 'OVERLOADED' },
      })
    const steering = steeringOf(header, limits.deadline)
    const params = known.complete(payload as SubscribePayload & Record<string, unknown>)
    const refusal = admit(state)
    if (refusal !== undefined) throw refusal
    const attributes = { 'network.protocol.name': 'websocket' }
    const tracestate = header('tracestate')
    const trace = traceRequest(state, { name: 'WS graphql', traceparent: steering.traceparent, tracestate, attributes })
    const operation: Operation = { gone: new Cancellation(), correlationId, trace, streams: false }
    extra.operations.set(id, operation)
    const { gone } = operation
    const authenticate = state.host.authenticate && (() => callerOf(served, extra))
    const head: Head = { correlationId, steering, trace, header, gone, ...(authenticate && { authenticate }) }
    const args = argsOf(served, head, params)
    if ('schema' in args) return { ...args, contextValue: { ...(args.contextValue as RequestContext), operation } }
    return args
  } catch (error) {
    return [error instanceof GraphQLError ? error : errorOf(failureOf(error, { correlationId }).failure)]
  }
}

function over({ state }: Served, { operations }: Extra, id: string): void {
  const operation = operations.get(id)
  if (operation === undefined) return
  operations.delete(id)
  state.calls--
  operation.gone.cancel('caller')
  operation.trace.end(undefined)
}

/** Ends at once when its client leaves, whatever it waits for. */
function endable(results: AsyncGenerator<ExecutionResult>, operation: Operation): AsyncGenerator<ExecutionResult> {
  const { gone } = operation
  operation.streams = true
  const done = { done: true, value: undefined } as const
  return {
    next: async () => {
      try {
        return await results.next()
      } catch (error) {
        if (gone.reason !== undefined) return done
        throw error
      }
    },
    return: async () => {
      gone.cancel('caller')
      results.return(undefined).catch(() => {})
      return done
    },
    throw: (error) => results.throw(error),
    [Symbol.asyncIterator]() {
      return this
    },
    [Symbol.asyncDispose]: async () => {
      gone.cancel('caller')
    },
  }
}

/** What a stream has failed with is behind what the library makes of it. */
function toldOf(error: GraphQLError, operation: Operation | undefined): GraphQLError {
  const { cause } = error
  if (cause instanceof GraphQLError) return cause
  return cause === undefined ? error : errorOf(failureOf(cause, { correlationId: operation?.correlationId ?? '' }).failure)
}
