import { request as httpRequest, type IncomingMessage } from 'node:http'
import { CallError } from 'dure/contract'
import { errorOf, type OperatorFailure } from './failure.ts'
import type { OperatorContract } from './part.ts'
import { OPERATOR_PATH, REASON_HEADER } from './routes.ts'

/** Who has it done, where only the owner of a data directory comes in: his own word, percent-encoded UTF-8. */
export const BY_HEADER = 'x-dure-by'

export type OperatorClientOptions = {
  /** A Unix socket, such as the control socket of a data directory. */
  readonly socket: string
  /** For the audit. Default: nobody says. */
  readonly by?: string | undefined
}

export type AskOptions = {
  readonly reason?: string | undefined
  readonly by?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Operators' contracts from another process. */
export type OperatorClient = {
  readonly contracts: () => Promise<readonly OperatorContract[]>
  /** @throws {CallError} as the operation does; {Error} of the connection, with its `code` */
  readonly call: <T = unknown>(contract: string, operation: string, input?: unknown, options?: AskOptions) => Promise<T>
  readonly stream: <T = unknown>(contract: string, operation: string, input?: unknown, options?: AskOptions) => AsyncIterable<T>
}

/**
 * Asks operators' contracts over the socket on which they are served.
 *
 * @example
 * ```ts
 * import { operatorClient } from '@dure/operator'
 *
 * const operator = operatorClient({ socket: '.dure/control.sock', by: 'ida' })
 * await operator.call('health', 'show').catch((error: NodeJS.ErrnoException) => console.log(error.code)) // → ENOENT
 * ```
 */
export function operatorClient({ socket, by }: OperatorClientOptions): OperatorClient {
  const send = (method: string, path: string, body: string | undefined, options: AskOptions = {}): Promise<IncomingMessage> => {
    const who = options.by ?? by
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(who !== undefined && { [BY_HEADER]: encodeURIComponent(who) }),
      ...(options.reason !== undefined && { [REASON_HEADER]: encodeURIComponent(options.reason) }),
    }
    const { signal } = options
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { socketPath: socket, method, path: OPERATOR_PATH + path, headers, ...(signal && { signal }) },
        resolve,
      )
      sent.once('error', reject)
      sent.end(body)
    })
  }
  const answerOf = async (response: IncomingMessage): Promise<unknown> => {
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    const answer = readable(Buffer.concat(chunks).toString())
    if (response.statusCode === 200) return answer
    const { error } = answer as { readonly error?: OperatorFailure }
    throw error === undefined ? new CallError('UNKNOWN', `The answer has the status ${response.statusCode}`) : errorOf(error)
  }
  const pathOf = (contract: string, operation: string): string =>
    `/${encodeURIComponent(contract)}/${encodeURIComponent(operation)}`
  return {
    contracts: async () => {
      const { contracts } = (await answerOf(await send('GET', '', undefined))) as {
        readonly contracts: readonly OperatorContract[]
      }
      return contracts
    },
    call: async <T>(contract: string, operation: string, input?: unknown, options?: AskOptions) => {
      const body = JSON.stringify(input ?? {})
      const answer = (await answerOf(await send('POST', pathOf(contract, operation), body, options))) as { readonly value: T }
      return answer.value
    },
    stream: async function* <T>(contract: string, operation: string, input?: unknown, options?: AskOptions) {
      const query = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`
      const response = await send('GET', pathOf(contract, operation) + query, undefined, options)
      if (response.statusCode !== 200) return void (await answerOf(response))
      try {
        for await (const { event, data } of eventsOf(response)) {
          if (event === 'end') return
          const value = readable(data)
          if (event === 'error') throw errorOf(value as OperatorFailure)
          yield value as T
        }
        throw new CallError('UNAVAILABLE', 'The stream ended before its end was told')
      } finally {
        response.destroy()
      }
    },
  }
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CallError('UNKNOWN', `The answer cannot be read as JSON: ${(cause as Error).message}`, { cause })
  }
}

/** One value is JSON in one line: characters. */
const LONGEST_EVENT = 16 * 1024 * 1024

/** Server-sent events as `operatorRoutes` writes them: lines `event` and `data`, an empty line behind each. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<{ readonly event: string; readonly data: string }> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk
    if (text.length > LONGEST_EVENT) throw new CallError('RESOURCE_EXHAUSTED', 'A value of the stream is too long')
    const events = text.split('\n\n')
    text = events.pop()!
    for (const lines of events) {
      const field = (name: string): string | undefined =>
        lines
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      const data = field('data')
      if (data !== undefined) yield { event: field('event') ?? 'message', data }
    }
  }
}
