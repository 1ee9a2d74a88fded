import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A function that runs, and is invoked again and again. */
export type RunningFunction = {
  /** Milliseconds from the start of its process to its first answer. */
  readonly cold: number
  /** @returns milliseconds, from the invocation to its answer. @throws when it did not answer with 200 */
  readonly invoke: () => Promise<number>
  readonly stop: () => Promise<void>
}

/** As little of Lambda's Runtime API as a function needs, in this process: what both functions pay alike. */
export async function startFunction(program: string, event: object): Promise<RunningFunction> {
  const body = JSON.stringify(event)
  let waiting = Promise.withResolvers<ServerResponse>()
  let answered = Promise.withResolvers<string>()
  const server = createServer((request: IncomingMessage, response) => {
    if (request.method === 'GET') return waiting.resolve(response)
    void text(request).then((told) => {
      response.writeHead(202).end('{}')
      answered.resolve(told)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const api = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const began = performance.now()
  const child = spawn(process.execPath, ['--conditions=dure-source', program], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, AWS_LAMBDA_RUNTIME_API: api },
  })
  const ended = once(child, 'close')
  void ended.then(() => waiting.reject(new Error(`Cannot measure: "${program}" has ended`)))
  const invoke = async (): Promise<number> => {
    const response = await waiting.promise
    waiting = Promise.withResolvers()
    answered = Promise.withResolvers()
    const at = performance.now()
    response.setHeader('lambda-runtime-aws-request-id', 'r')
    response.setHeader('lambda-runtime-deadline-ms', String(Date.now() + 30_000))
    response.end(body)
    const told = await answered.promise
    const took = performance.now() - at
    if ((JSON.parse(told) as { readonly statusCode?: number }).statusCode !== 200)
      throw new Error(`Cannot measure: "${program}" answered ${told.slice(0, 500)}`)
    return took
  }
  await invoke()
  return {
    cold: performance.now() - began,
    invoke,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      server.close()
      server.closeAllConnections()
    },
  }
}
