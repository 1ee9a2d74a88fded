/** Spring Cloud Gateway by a configuration of its own, and ours by what was imported of it, are asked the same: one line a check. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { freePort } from '@dure/testing/servers'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { importRoutes, routesReader, startGateway } from '../gateway.ts'
import { virtualRegistry } from '../registry.test-support.ts'
import { DIFFERENT, requests, type Asked } from './requests.test-support.ts'

const [jar = ''] = process.argv.slice(2)
const settings = fileURLToPath(import.meta.resolve('./application.test-support.yml'))

type Answered = { readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly body: string }

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

/** Whose fields each gateway makes in its own way: where a request came from, its trace, and how a message travels. */
const OWN =
  /^(?:x-forwarded-|forwarded$|via$|traceparent$|x-correlation-id$|connection$|content-length$|transfer-encoding$|date$|keep-alive$|cache-control$|pragma$|expires$)/
const mattering = (headers: IncomingHttpHeaders): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !OWN.test(name))
      .toSorted(),
  )

/** What a service was told. One of the registry is told another host there, which the import says. */
function told(body: string): unknown {
  const said = JSON.parse(body) as { readonly name: string; readonly headers: Record<string, unknown> }
  if (said.name === 'stock') delete said.headers['host']
  return said
}

/** The status; and of an answer of a service, which it is and for what path it was asked. */
function brief({ status, headers, body }: Answered): string {
  if (headers['x-server'] === undefined) return String(status)
  const { name, url } = JSON.parse(body) as { readonly name: string; readonly url: string }
  return `${status} ${name} ${url}`
}

/** A service that says which it is and what it was asked. */
async function service(name: string): Promise<Server> {
  let turn = 0
  const server = createServer(async (incoming, response) => {
    let body = ''
    for await (const part of incoming) body += String(part)
    const { method, url = '', headers } = incoming
    // Every second one fails, whoever asks.
    const status = url.startsWith('/retried')
      ? turn++ % 2 === 0
        ? 503
        : 200
      : url.includes('teapot')
        ? 418
        : url.includes('missing')
          ? 404
          : 200
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-server': name,
      'x-secret': 'x',
      'x-twice': 'a',
      'set-cookie': ['a=b', 'c=d'],
    })
    response.end(JSON.stringify({ name, method, url, headers: mattering(headers), body }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** What Spring's client puts in where it is missing. */
const AS_CLIENTS_DO = { host: 'edge.test', 'user-agent': 'judge', accept: '*/*' }

function ask(url: string, { method, path, headers = {}, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    // Both are called by one name, which stands in what services are told.
    const how = {
      method,
      headers: { ...AS_CLIENTS_DO, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }), ...headers },
    }
    // The path as it stands: an address would have it without its dots.
    request(url, { ...how, path }, async (answer) => {
      let text = ''
      for await (const part of answer) text += String(part)
      resolve({ status: answer.statusCode!, headers: mattering(answer.headers), body: text })
    })
      .once('error', reject)
      .end(body)
  })
}

const [orders, stock] = [await service('orders'), await service('stock')]
const environment = { ORDERS_PORT: String(portOf(orders)), STOCK_PORT: String(portOf(stock)) }
const port = await freePort()
const spring = spawn(
  'java',
  [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-jar',
    jar,
    `--server.port=${port}`,
    `--spring.config.location=file:${settings}`,
    '--logging.level.root=WARN',
    '--spring.main.banner-mode=off',
  ],
  { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
)
let output = ''
for (const stream of [spring.stdout, spring.stderr])
  stream.on('data', (bytes) => (output = (output + String(bytes)).slice(-4_000)))
const registry = virtualRegistry()
registry.set('stock', [`127.0.0.1:${environment.STOCK_PORT}`])

try {
  const theirs = `http://127.0.0.1:${port}`
  for (let i = 0; ; i++) {
    if ((await ask(theirs, { method: 'GET', path: '/shop' }).catch(() => undefined))?.status === 200) break
    if (i > 2_400 || spring.exitCode !== null) throw new Error(`Spring does not answer: ${output}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { yaml, notes } = importRoutes(readFileSync(settings, 'utf8'), {
    file: 'application.yml',
    environment,
    now: realRuntime().clock.now(),
  })
  await check('what is said of the configuration', async () => {
    const left = notes.filter(({ is }) => is === 'left out').map(({ what }) => what)
    // Whose time is over, what asks for what cannot be asked for here, and what has a filter that is not here.
    const unsaid = ['comma', 'twice', 'strict', 'filled', 'valued', 'small']
    assert.deepEqual(
      left,
      ['over', ...unsaid, 'tidy'].map((id) => `route "${id}"`),
    )
    return `${left.length} routes are left out, ${notes.length - left.length} things differ`
  })
  const read = routesReader()(yaml, 'gateway.yaml')
  const gateway = await startGateway({ port: 0, routes: read, log: silentLogger(), registry: () => registry.registry })
  try {
    await check('both answer alike', async () => {
      const all = requests()
      let own = 0
      const different: string[] = []
      for (const each of all) {
        const [there, here] = [await ask(theirs, each), await ask(gateway.url, each)]
        // What a gateway answers by itself it says in its own words.
        const itself = there.headers['x-server'] === undefined
        if (itself) own++
        const of = ({ status, headers, body }: Answered): unknown =>
          itself ? { status, location: headers['location'] } : { status, headers, body: told(body) }
        if (here.status === there.status && isDeepStrictEqual(of(here), of(there))) continue
        different.push(
          `${each.method} ${each.path} ${JSON.stringify(each.headers ?? {})}\n  ${JSON.stringify(there)}\n  ${JSON.stringify(here)}`,
        )
      }
      assert.equal(different.length, 0, `${different.length} of ${all.length} differ:\n${different.slice(0, 30).join('\n')}`)
      assert.ok(all.length >= 200, String(all.length))
      return `${all.length} requests, ${own} of them answered by the gateways themselves: status, body and headers are the same`
    })
    await check('what is answered in two ways', async () => {
      const guides = ['', '.ko'].map((language) =>
        readFileSync(new URL(`../../../../../docs/guides/from-spring-gateway${language}.md`, import.meta.url), 'utf8'),
      )
      const found: object[] = []
      for (const { asked } of DIFFERENT)
        found.push({ asked, there: brief(await ask(theirs, asked)), here: brief(await ask(gateway.url, asked)) })
      assert.deepEqual(
        found,
        DIFFERENT.map(({ asked, there, here }) => ({ asked, there, here })),
      )
      for (const { named } of DIFFERENT) for (const guide of guides) assert.ok(guide.includes(named), named)
      return `${found.length} requests, each as it is said, and named in the guides`
    })
  } finally {
    await gateway.stop({ timeout: 0 })
  }
} finally {
  spring.kill('SIGKILL')
  for (const server of [orders, stock]) {
    server.closeAllConnections()
    server.close()
  }
}
if (failed) process.exitCode = 1
