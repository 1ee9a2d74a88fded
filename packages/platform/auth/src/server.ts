/** The HTTP server: bounded, and with one way in for people and one for programs. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Timers } from 'dure/runtime'
import type { AuthLimits } from './options.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export type Listening = { readonly url: string; readonly close: () => Promise<void> }

/** Milliseconds that requests under way have to end in, when the server stops. */
const LAST = 5_000

export async function listen(options: {
  readonly host: string
  readonly port: number
  readonly descriptor: number | undefined
  readonly limits: AuthLimits
  readonly handler: Handler
  readonly timers: Timers
}): Promise<Listening> {
  const { limits, descriptor, host, port, timers } = options
  const server = createServer(
    { requestTimeout: limits.requestTimeout, headersTimeout: limits.requestTimeout, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      options.handler(request, response).catch(() => {
        if (!response.headersSent) response.writeHead(500)
        response.end()
      })
    },
  )
  server.maxConnections = limits.connections
  server.listen(descriptor === undefined ? { host, port } : { fd: descriptor })
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo | null)?.port ?? port
  let closed: Promise<void> | undefined
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, close: () => (closed ??= close(server, timers)) }
}

async function close(server: Server, timers: Timers): Promise<void> {
  const ended = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const last = timers.after(LAST, () => server.closeAllConnections())
  await ended
  last.cancel()
}
