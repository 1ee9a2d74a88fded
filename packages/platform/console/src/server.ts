import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import type { OperatorRoutes } from '@dure/operator'
import { failureOf, readJson, sendJson } from '@dure/operator/internal'
import { CallError } from 'dure/contract'
import { pageHeaders, refuseForeign } from 'dure/door/internal'
import type { Logger } from 'dure/telemetry'
import type { Admission } from './access.ts'
import type { ClientFiles } from './files.ts'

export type ConsoleServerOptions = {
  /** By which browsers may reach it: a page of somebody else whose name leads here is none of them. */
  readonly hosts: ReadonlySet<string>
  readonly files: ClientFiles
  readonly operator: OperatorRoutes
  readonly admission: () => Admission
  readonly about: { readonly system: string; readonly production: boolean; readonly logout?: string }
  readonly log: Logger
}

const HEADERS: Readonly<Record<string, string>> = pageHeaders(
  "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; form-action 'none'",
)
const LONGEST_TOKEN = 1_000

export function createConsoleServer(options: ConsoleServerOptions): Server {
  const server = createServer({ maxHeaderSize: 65_536, requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      const { status, failure } = failureOf(error)
      if (status === 500) options.log.error('Cannot answer a request', { method: request.method, error })
      if (response.headersSent) response.destroy()
      else sendJson(response, status, { error: failure })
    })
  })
  server.maxConnections = 500
  return server
}

async function answer(options: ConsoleServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  const path = (request.url ?? '/').split('?')[0]!
  refuseForeign(request, { name: 'console', hosts: options.hosts, asks: path.startsWith('/api/') || request.method !== 'GET' })
  if (path === '/api/session') return session(options, request, response)
  if (path.startsWith('/api/')) {
    if (await options.operator(request, response)) return
    throw new CallError('UNIMPLEMENTED', `Cannot ${request.method} "${path.slice(0, 200)}": nothing is served there`)
  }
  await options.files.serve(path, request, response)
}

/** Who looks, and at what; `POST` takes the token of a link for a cookie. */
async function session(options: ConsoleServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { enter, caller } = options.admission()
  if (request.method === 'POST') {
    if (enter === undefined) throw new CallError('FAILED_PRECONDITION', 'Cannot open a link: this console gives out none; log in')
    const { token } = ((await readJson(request, LONGEST_TOKEN)) ?? {}) as { readonly token?: unknown }
    try {
      response.setHeader('set-cookie', enter(String(token)))
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      return sendJson(response, 401, { error: { code: 'LINK_USED', message: error.message } })
    }
    return sendJson(response, 200, {})
  }
  if (request.method !== 'GET') throw new CallError('UNIMPLEMENTED', 'Use GET or POST here')
  const who = await caller(request)
  if (who === undefined)
    throw new CallError('UNAUTHENTICATED', 'Nobody has said who asks; open the link that "dure console" says')
  sendJson(response, 200, { ...options.about, role: who.role, subject: who.name })
}

/**
 * @param address `elsewhere`: on any free port where this one is taken
 * @throws {Error} that says what stood in the way and what to do
 */
export async function listen(
  server: Server,
  { host, port, elsewhere }: { readonly host: string; readonly port: number; readonly elsewhere: boolean },
  handed: number | undefined,
): Promise<{ readonly port: number; readonly url: string }> {
  try {
    await listening(server, handed === undefined ? { host, port } : { fd: handed })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' || !elsewhere) {
      const why = code === 'EADDRINUSE' ? 'the port is in use; choose another with --port console=N' : message
      throw new Error(`Cannot open the console on ${host}:${port}: ${why}`, { cause })
    }
    await listening(server, { host, port: 0 })
  }
  const { port: taken, address } = server.address() as AddressInfo
  return { port: taken, url: `http://${address.includes(':') ? `[${address}]` : address}:${taken}` }
}

function listening(server: Server, where: ListenOptions & { readonly fd?: number }): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
