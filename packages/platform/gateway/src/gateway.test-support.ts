import { once } from 'node:events'
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { realRuntime, virtualRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { liveRoutes, startGateway, type AccessEntry, type GatewayConfiguration, type RouteOptions } from './gateway.ts'
import { open } from './opening.ts'
import { limitsOf } from './proxy/proxy.ts'

type Test = Pick<TestContext, 'after'>

/** A service that knows nothing of Dure. */
export async function serving(t: Test, answer: RequestListener): Promise<{ readonly address: string; readonly server: Server }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** One that says its name and what it was asked. */
export const named = (t: Test, name: string): ReturnType<typeof serving> =>
  serving(t, (request, response) => void response.setHeader('x-server', name).end(`${name} ${request.method} ${request.url}`))

export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}

/** Entries of the access log as they come, and who takes its lines. */
function logged() {
  const lines: AccessEntry[] = []
  const accessLog = (text: string): void => {
    for (const line of text.trim().split('\n')) lines.push(JSON.parse(line) as AccessEntry)
  }
  return { lines, accessLog }
}

const getAt =
  (url: string) =>
  async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, { redirect: 'manual', ...init })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }

export async function started(t: Test, options: Omit<Parameters<typeof startGateway>[0], 'port' | 'log'>) {
  const { lines, accessLog } = logged()
  const { url, stop, metrics } = await startGateway({ port: 0, log: silentLogger(), accessLog, ...options })
  t.after(() => stop({ timeout: 0 }))
  return { url, stop, metrics, lines, get: getAt(url) }
}

/** A gateway for which time passes when it is told to, and sockets are as they are: no machine is too slow for its times. */
export async function startedInVirtualTime(t: Test, routes: GatewayConfiguration) {
  const { lines, accessLog } = logged()
  const virtual = virtualRuntime()
  const runtime = { ...virtual, timers: { ...virtual.timers, soon: realRuntime().timers.soon } }
  const options = { port: 0, accessLog, routes: liveRoutes(routes), contracts: [] }
  const world = { directory: '', runtime, log: silentLogger(), telemetry: undefined, sockets: undefined }
  const { url, close } = await open(options, limitsOf(undefined), world, undefined)
  t.after(async () => {
    const closed = close({ timeout: 0 })
    await runtime.advance(0)
    await closed
  })
  return { lines, get: getAt(url!), advance: runtime.advance }
}

/** A route before one server. */
export const before = (address: string, route: Partial<RouteOptions> = {}) => ({
  routes: { one: { prefix: '/', to: 'server', ...route } },
  upstreams: { server: { addresses: [address] } },
})

/** An answer as it travels: nothing is unpacked. */
export async function rawGet(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
  const request = ask(url, { headers, method, agent: false }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }
}
