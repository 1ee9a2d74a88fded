import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import { createConnection, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { start, system, type Door, type Running, type Service, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { openOperator, operatorRoutes, type Operator, type OperatorCaller, type OperatorPart } from './operator.ts'

export type Desk = {
  readonly running: Running
  readonly operator: Operator
  readonly url: string
  readonly directory: string
  /** `POST`; gives the value, or throws what it says. */
  readonly ask: <T = unknown>(contract: string, operation: string, input?: unknown, how?: How) => Promise<T>
  readonly send: (path: string, init?: RequestInit) => Promise<{ readonly status: number; readonly body: unknown }>
}
type How = { readonly as?: string; readonly reason?: string }

export const IDA: OperatorCaller = { name: 'ida', role: 'operator' }

/** Who a request says it is: `x-test: NAME ROLE`. Nobody says nothing. */
const whoIs = (text: unknown): OperatorCaller | undefined => {
  const [name, role] = typeof text === 'string' ? text.split(' ') : []
  return name === undefined ? undefined : { name, role: role as OperatorCaller['role'] }
}

/** A system that runs, with a door for operators over HTTP. */
export async function desk(
  t: TestContext,
  options: Omit<SystemOptions, 'services'> & {
    readonly services: readonly Service[]
    readonly parts: readonly OperatorPart[]
    readonly directory?: string
    readonly part?: readonly string[]
  },
): Promise<Desk> {
  const { parts, directory = mkdtempSync(join(tmpdir(), 'dure-operator-')), part, ...rest } = options
  let operator!: Operator
  let url = ''
  const door: Door = {
    name: 'desk',
    open: async (host, world) => {
      operator = openOperator({ host, world, parts })
      const authenticate = ({ headers }: { readonly headers: Record<string, unknown> }) => whoIs(headers['x-test'])
      const routes = operatorRoutes(operator, { runtime: world.runtime, authenticate })
      const server = createServer(async (request, response) => {
        if (!(await routes(request, response))) response.writeHead(404).end('elsewhere')
      })
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const close = async (): Promise<void> => {
        operator.close()
        server.closeAllConnections()
        await new Promise((resolve) => void server.close(resolve))
      }
      return { url, close }
    },
  }
  const whole = system('shop', { telemetry: false, ...rest, doors: [door] })
  const running = await start(whole, { directory, log: silentLogger(), ...(part && { part }) })
  t.after(() => running.stop())
  const send: Desk['send'] = async (path, init = {}) => {
    const response = await fetch(url + path, init)
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  const ask: Desk['ask'] = async <T>(contract: string, operation: string, input?: unknown, how: How = {}) => {
    const { as = 'ida operator', reason } = how
    const headers = {
      ...{ 'content-type': 'application/json', 'x-test': as },
      ...(reason !== undefined && { 'x-dure-reason': encodeURIComponent(reason) }),
    }
    const body = input === undefined ? undefined : JSON.stringify(input)
    const answer = await send(`/api/operator/${contract}/${operation}`, { method: 'POST', headers, ...(body && { body }) })
    const { value, error } = answer.body as { value: T; error?: { code: string; message: string } }
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code, status: answer.status })
    return value
  }
  return { running, operator, url, directory, ask, send }
}

/** Bytes as they are, for what no client sends. */
export function sendBytes(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port, hostname } = new URL(url)
    const socket = createConnection({ port: Number(port), host: hostname }, () => void socket.write(text))
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => (got += String(chunk)))
    socket.on('error', reject)
    socket.on('close', () => resolve(got))
  })
}
