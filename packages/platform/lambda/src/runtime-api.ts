import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { realRuntime } from 'dure/runtime'
import type { LambdaHandler } from './handler.ts'

export type ServeOptions = {
  /** Address of the Lambda Runtime API: host and port. Default `AWS_LAMBDA_RUNTIME_API`. */
  readonly api?: string
  /** Ends it after the invocation in hand. Default: SIGTERM does. */
  readonly signal?: AbortSignal
}

const VERSION = '2018-06-01'

/**
 * Takes invocations from the platform, one after the other, and answers them: what an image runs as its program. Resolves when it was
 * ended, its services stopped.
 * @throws {TypeError} when nothing says where the platform is
 * @throws {Error} when its services cannot start, which the platform is told, or the platform is gone
 *
 * @example
 * ```ts
 * import { lambdaHandler, serveLambda } from '@dure/lambda'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date(), http: 'GET /now' }) } })
 * const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })
 * const handler = lambdaHandler(clocks)
 * if (process.env['AWS_LAMBDA_RUNTIME_API'] !== undefined) await serveLambda(handler)
 * ```
 */
export async function serveLambda(handler: LambdaHandler, options: ServeOptions = {}): Promise<void> {
  const { api = process.env['AWS_LAMBDA_RUNTIME_API'], signal = untilTerminated() } = options
  if (api === undefined)
    throw new TypeError('Cannot serve as a function: AWS_LAMBDA_RUNTIME_API says nothing; the platform sets it, or its emulator')
  const ask = asking(api, signal)
  try {
    await handler.ready()
  } catch (error) {
    await ask('POST', 'init/error', failureOf(error))
    await handler.stop()
    throw error
  }
  try {
    while (!signal.aborted) await serveOne(handler, ask)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await handler.stop()
  }
}

async function serveOne(handler: LambdaHandler, ask: ReturnType<typeof asking>): Promise<void> {
  const { headers, body } = await ask('GET', 'invocation/next')
  const id = String(headers['lambda-runtime-aws-request-id'])
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => Math.max(0, deadline - clock.now()) }
  let answer: unknown
  try {
    answer = await handler(JSON.parse(body), context)
  } catch (error) {
    return void (await ask('POST', `invocation/${id}/error`, failureOf(error)))
  }
  await ask('POST', `invocation/${id}/response`, answer)
}

/** The deadline is told by the clock of the machine. */
const { clock } = realRuntime()

type Asked = { readonly headers: IncomingMessage['headers']; readonly body: string }

/** An invocation is waited for as long as it takes, which `fetch` does not. */
function asking(api: string, signal: AbortSignal): (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Asked> {
  return async (method, path, body) => {
    const answered = Promise.withResolvers<IncomingMessage>()
    // What was worked on is answered, though it is to end.
    const until = method === 'GET' ? { signal } : {}
    const asked = request(`http://${api}/${VERSION}/runtime/${path}`, { method, ...until }, answered.resolve)
    asked.on('error', answered.reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
    const response = await answered.promise
    const told = await text(response)
    const { statusCode = 0 } = response
    if (statusCode < 400) return { headers: response.headers, body: told }
    throw new Error(`Cannot ask the platform for "${path}": it answered ${statusCode} ${told.slice(0, 200)}`)
  }
}

function failureOf(error: unknown): {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace: readonly string[]
} {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return { errorType: name, errorMessage: message, stackTrace: [] }
}

function untilTerminated(): AbortSignal {
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  return ended.signal
}
