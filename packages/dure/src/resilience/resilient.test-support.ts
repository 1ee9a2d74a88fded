import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type Provider = {
  readonly url: string
  readonly host: string
  readonly seen: IncomingMessage[]
  readonly close: () => void
}

/** An HTTP server that answers as told; `n` counts requests from 1. It ends with its test. */
export async function provider(
  t: TestContext,
  answer: (n: number, request: IncomingMessage, response: ServerResponse) => void,
): Promise<Provider> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    answer(seen.length, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  t.after(close)
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `http://${host}/rates`, host, seen, close }
}

export const say = (response: ServerResponse, status: number, text = '', headers: Record<string, string> = {}): void =>
  void response.writeHead(status, headers).end(text)
