/** A request of GraphQL over HTTP: https://graphql.github.io/graphql-over-http/draft/, and streams as server-sent events. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Cancellation,
  failureOf,
  httpExchange,
  Refusal,
  sendStream,
  sendWhole,
  steeringOf,
  type OpenState,
} from 'dure/door/internal'
import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  subscribe,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql'
import { createHandler, type Request, type RequestParams, type Response } from 'graphql-http'
import { readText } from './body.ts'
import type { Documents } from './documents.ts'
import type { GraphqlLimits } from './limits.ts'
import { paramsOf } from './params.ts'
import type { KnownDocuments } from './persisted.ts'
import type { Execute } from './plans.ts'
import { errorOf, requestContext, type RequestContext } from './request.ts'

export type GraphqlState = OpenState<GraphqlLimits>

export type Served = {
  readonly state: GraphqlState
  readonly schema: GraphQLSchema
  readonly documents: Documents
  readonly known: KnownDocuments
  /** Runs what was judged: queries and mutations. */
  readonly execute: Execute
}
type Asked = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly gone: Cancellation
  /** The answer, where nothing of it has failed. */
  answer: string | undefined
}
export type Head = Omit<Parameters<typeof requestContext>[1], 'commands'>

/** Makes what answers requests at the door's path. It never rejects. */
export function executor(served: Served): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { state } = served
  const handle = createHandler<Asked, Head, RequestContext & Record<PropertyKey, unknown>>({
    parseRequestParams: (request) => paramsOf(request, served.known),
    execute: served.execute as never,
    // What is thrown is told by its field; what else there is, is of GraphQL's own judgement of the document.
    onSubscribe: (request, params) => argsOf(served, request.context, params) as never,
    // The library looks at each value whether it is an error, which is what takes longest of writing it.
    onOperation: ({ raw }, _, result) => {
      if (Symbol.asyncIterator in result || result.errors !== undefined) return
      raw.answer = JSON.stringify(result)
      return WRITTEN
    },
    formatError: (error) => formatted(error),
  })

  return async (request, response) => {
    const exchange = httpExchange(state, request, response)
    const { header, correlationId, gone } = exchange
    try {
      const steering = steeringOf(header, state.limits.deadline)
      const attributes = { 'http.request.method': request.method!, 'url.path': '/graphql' }
      const trace = exchange.trace(steering, { name: `${request.method} graphql`, attributes })
      const body = request.method === 'GET' ? null : await readText(request, state.limits.body)
      const asked: Request<Asked, Head> = {
        ...{ method: request.method!, url: request.url!, headers: request.headers, body },
        raw: { request, response, gone, answer: undefined },
        context: { correlationId, steering, trace, header, gone },
      }
      if (wantsEvents(header('accept'))) return await sendEvents(served, asked)
      const [text, how] = await handle(asked)
      send(response, state, [asked.raw.answer ?? text, how])
    } catch (error) {
      refuse(response, state, error, correlationId)
    }
  }
}

/** In place of a result that has been written already. */
const WRITTEN: ExecutionResult = Object.freeze({ data: null })

const wantsEvents = (accept: string | undefined): boolean => accept?.includes('text/event-stream') === true

/** Parses, judges, and says for whom it is run; or what is wrong with it. */
export function argsOf(
  { state, schema, documents, known }: Served,
  head: Head,
  { query, operationName, variables }: RequestParams,
): ExecutionArgs | readonly GraphQLError[] {
  try {
    known.check(query)
    const document = documents.parse(query)
    const errors = documents.judge(document)
    if (errors.length > 0) return errors
    const operation = getOperationAST(document, operationName)
    const commands = operation?.operation === OperationTypeNode.MUTATION ? operation.selectionSet.selections.length : 0
    const contextValue = requestContext(state, { ...head, commands })
    return {
      ...{ schema, document, contextValue, variableValues: variables },
      operationName: operationName ?? null,
      // A query or a mutation is its calls, which end with whoever asked; to race each of its promises against that as well costs as much as they do.
      ...(operation?.operation === OperationTypeNode.SUBSCRIPTION ? { abortSignal: head.gone.signal } : {}),
      options: { maxCoercionErrors: 20 },
    } as ExecutionArgs
  } catch (error) {
    return [error instanceof GraphQLError ? error : new GraphQLError('Cannot read the document')]
  }
}

/** In the order of the specification, and nothing that stands behind an error. */
export function formatted(error: Error | Readonly<GraphQLError>): GraphQLError | Error {
  if (!(error instanceof GraphQLError) || error.extensions['code'] !== undefined) return error as Error
  const { message, nodes, source, positions, path } = error
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { code: 'INVALID_ARGUMENT' } })
}

function send(response: ServerResponse, state: GraphqlState, [body, { status, headers = {} }]: Response): void {
  sendWhole(response, state, { status, headers, body: body ?? '' })
}

/** What is wrong with a request before it is one of GraphQL. */
export function refuse(response: ServerResponse, state: GraphqlState, error: unknown, correlationId: string): void {
  const { failure, hidden } = failureOf(error, { correlationId })
  if (hidden) state.world.log.error('Cannot answer a request', { correlationId, error })
  // What is left of a body that is too large is not read.
  if (error instanceof Refusal && error.code === 'BODY_TOO_LARGE') response.setHeader('connection', 'close')
  if (failure.http === 503) response.setHeader('retry-after', '1')
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  send(response, state, [JSON.stringify({ errors: [errorOf(failure)] }), { status: failure.http, statusText: '', headers }])
}

/** Distinct connections of GraphQL over SSE: each result is an event `next`, the end is an event `complete`. */
async function sendEvents(served: Served, asked: Request<Asked, Head>): Promise<void> {
  const { state } = served
  const { response, gone } = asked.raw
  const params = await parse(asked, served.known)
  if (Array.isArray(params)) return send(response, state, params as unknown as Response)
  const args = argsOf(served, asked.context, params as RequestParams)
  const results = Array.isArray(args) ? { errors: args } : await run(served, args as ExecutionArgs, asked.method)
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(state.closing ? { connection: 'close' } : {}),
  })
  const write = (text: string): Promise<void> | undefined => {
    if (response.write(text)) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done)
        response.off('close', done)
        resolve()
      }
      response.on('drain', done)
      response.on('close', done)
    })
  }
  const next = (result: ExecutionResult) =>
    write(
      `event: next\ndata: ${JSON.stringify({ ...result, ...(result.errors && { errors: result.errors.map(formatted) }) })}\n\n`,
    )
  const complete = (): void => {
    // It was begun as one that others may follow on its connection; a door that closes has no more for it.
    response.end('event: complete\ndata: \n\n', () => void (state.closing && response.socket?.destroySoon()))
  }
  await sendStream(Symbol.asyncIterator in results ? results : one(results), {
    ...{ state, gone },
    sender: {
      send: (value) => next(value as ExecutionResult),
      quiet: () => write(':\n\n'),
      end: complete,
      fail: async (error) => {
        const { failure } = failureOf(error, { correlationId: asked.context.correlationId })
        await next({ errors: [error instanceof GraphQLError ? error : errorOf(failure)] })
        complete()
      },
    },
  })
}

async function parse(asked: Request<Asked, Head>, known: KnownDocuments): Promise<RequestParams | Response> {
  try {
    return await paramsOf(asked, known)
  } catch (error) {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    const body = JSON.stringify({
      errors: [formatted(error instanceof GraphQLError ? error : new GraphQLError((error as Error).message))],
    })
    return [body, { status: 400, statusText: 'Bad Request', headers }]
  }
}

async function run(
  { execute }: Served,
  args: ExecutionArgs,
  method: string,
): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const operation = getOperationAST(args.document, args.operationName)?.operation
  if (operation === OperationTypeNode.SUBSCRIPTION) return subscribe(args)
  if (operation === OperationTypeNode.MUTATION && method === 'GET')
    return { errors: [new GraphQLError('Cannot perform mutations over GET')] }
  return execute(args)
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value
}
