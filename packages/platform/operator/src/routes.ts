import type { IncomingMessage, ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { failureOf } from './failure.ts'
import { headerText, parsed, readJson, sendJson } from './http.ts'
import type { Operator, OperatorRequest } from './open.ts'
import type { OperatorCaller } from './part.ts'

/** Where operators' contracts are, on any server. */
export const OPERATOR_PATH = '/api/operator'
/** Why something is done: percent-encoded UTF-8. */
export const REASON_HEADER = 'x-dure-reason'

/** Who sends a request; undefined: nobody has said, and it is refused. @throws {CallError} UNAUTHENTICATED, PERMISSION_DENIED */
export type AuthenticateOperator = (request: IncomingMessage) => OperatorCaller | undefined | Promise<OperatorCaller | undefined>

/** Answers a request, or leaves it to others: false for what is not below its path. */
export type OperatorRoutes = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

/** A stream says now and then that it is still there: milliseconds. */
const ALIVE = 15_000

/**
 * Serves operators' contracts over HTTP, on a server of whoever mounts it:
 *
 * - `GET /api/operator`: `{ contracts }`
 * - `POST /api/operator/CONTRACT/OPERATION` with the input as JSON: `{ value }`
 * - `GET /api/operator/CONTRACT/OPERATION?input=JSON`: a stream as `text/event-stream`, each event one value; it ends with the event `end`,
 *   or with `error`
 *
 * Failures are `{ error: { code, message } }`. A reason is in the header `x-dure-reason`. Whoever mounts it sees to it that no page of another
 * origin gets here: a `POST` that does not say `application/json`, as forms do, is refused.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { openOperator, operatorParts, operatorRoutes } from '@dure/operator'
 * import type { Door } from 'dure/service'
 *
 * const desk: Door = {
 *   name: 'desk',
 *   open: async (host, world) => {
 *     const operator = openOperator({ host, world, parts: operatorParts })
 *     const authenticate = () => ({ name: 'ida', role: 'viewer' }) as const
 *     const routes = operatorRoutes(operator, { runtime: world.runtime, authenticate })
 *     const server = createServer(async (request, response) => {
 *       if (!(await routes(request, response))) response.writeHead(404).end()
 *     })
 *     await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
 *     return { url: undefined, close: async () => void server.close() }
 *   },
 * }
 * console.log(desk.name) // → desk
 * ```
 */
export function operatorRoutes(
  operator: Operator,
  options: { readonly authenticate: AuthenticateOperator; readonly runtime: Pick<Runtime, 'timers'> },
): OperatorRoutes {
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://operator')
    if (url.pathname !== OPERATOR_PATH && !url.pathname.startsWith(`${OPERATOR_PATH}/`)) return false
    try {
      await answer(operator, { ...options, url }, request, response)
    } catch (error) {
      const { status, failure } = failureOf(error)
      if (response.headersSent) response.destroy()
      else {
        // What is still on its way is not read.
        if (!request.complete) response.setHeader('connection', 'close')
        sendJson(response, status, { error: failure })
      }
    }
    return true
  }
}

type Asked = Parameters<typeof operatorRoutes>[1] & { readonly url: URL }

async function answer(
  operator: Operator,
  { authenticate, runtime, url }: Asked,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const caller = await authenticate(request)
  if (caller === undefined) throw new CallError('UNAUTHENTICATED', 'Nobody has said who asks; log in, or send credentials')
  const [contract, operation, ...more] = url.pathname.slice(OPERATOR_PATH.length + 1).split('/')
  if (contract === undefined || contract === '') return listed(operator, request, response)
  if (operation === undefined || more.length > 0)
    throw new CallError('UNIMPLEMENTED', `Nothing is at "${url.pathname}"; give ${OPERATOR_PATH}/CONTRACT/OPERATION`)
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const reason = headerText(request.headers[REASON_HEADER])
  const asked = { contract, operation, caller, reason, signal: gone.signal }
  if (request.method === 'GET') {
    const input = url.searchParams.get('input')
    const wanted = { ...asked, input: input === null ? undefined : parsed(input, '"input"') }
    return sendEvents(operator.stream(wanted), { runtime, response })
  }
  if (request.method !== 'POST') return notAllowed(response, 'GET, POST')
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(?:;|$)/i.test(type)) return notJson(response, type)
  const input = await readJson(request)
  const value = await operator.call({ ...asked, input } satisfies OperatorRequest)
  sendJson(response, 200, { value })
}

function listed({ contracts }: Operator, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET') sendJson(response, 200, { contracts })
  else notAllowed(response, 'GET')
}

function notAllowed(response: ServerResponse, allow: string): void {
  response.setHeader('allow', allow)
  sendJson(response, 405, { error: { code: 'UNIMPLEMENTED', message: `Use ${allow} here` } })
}

function notJson(response: ServerResponse, type: string): void {
  const message = `Cannot take a body of the type "${type}"; send application/json`
  sendJson(response, 415, { error: { code: 'INVALID_ARGUMENT', message } })
}

/** The first value, or the failure before it, decides how the answer begins: what cannot begin is refused with a status. */
async function sendEvents(
  values: AsyncIterable<unknown>,
  { runtime, response }: { readonly runtime: Pick<Runtime, 'timers'>; readonly response: ServerResponse },
): Promise<void> {
  const iterator = values[Symbol.asyncIterator]()
  const begin = (): void => {
    if (response.headersSent) return
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    response.flushHeaders()
  }
  const write = async (text: string): Promise<void> => {
    begin()
    if (response.write(text) || response.destroyed) return
    await new Promise<void>((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }
  let timer = runtime.timers.after(ALIVE, alive)
  function alive(): void {
    begin()
    response.write(':\n\n')
    timer = runtime.timers.after(ALIVE, alive)
  }
  try {
    for (;;) {
      const next = await iterator.next()
      if (next.done === true || response.destroyed) break
      await write(`data: ${JSON.stringify(next.value)}\n\n`)
    }
    await write('event: end\ndata: {}\n\n')
  } catch (error) {
    if (!response.headersSent) throw error
    await write(`event: error\ndata: ${JSON.stringify(failureOf(error).failure)}\n\n`)
  } finally {
    timer.cancel()
    await iterator.return?.()
  }
  response.end()
}
