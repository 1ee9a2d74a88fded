import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiKeys, liveRoutes, requestLimit, startGateway, type RouteOptions } from '@dure/gateway'
import { breaker } from 'dure/resilience'
import { silentLogger } from 'dure/telemetry'

/** One of the proxies: the gateway with one route, the same with all that a gateway does, the same with 5,000 routes, or Fastify's. */
const [kind, upstream, folder] = process.argv.slice(2) as [
  'bare' | 'full' | 'tls_full' | 'many' | 'fastify_http_proxy',
  string,
  string,
]
const isFull = kind === 'full' || kind === 'tls_full'
process.on('disconnect', () => process.exit())

/** Routes, and how many of them change in a second while the parent wants it. */
const ROUTES = 5_000
const CHANGES = 50

async function fastify(): Promise<string> {
  type App = { register: (plugin: unknown, options: object) => void; listen: (options: object) => Promise<string> }
  const load = async (name: string): Promise<{ readonly default: unknown }> =>
    (await import(name)) as { readonly default: unknown }
  const app = ((await load('fastify')).default as (options: object) => App)({ logger: false })
  app.register((await load('@fastify/http-proxy')).default, { upstream: `http://127.0.0.1:${upstream}` })
  return app.listen({ port: 0, host: '127.0.0.1' })
}

async function ours(): Promise<string> {
  const keys = join(folder, 'keys.json')
  if (isFull) writeFileSync(keys, JSON.stringify({ app: [createHash('sha256').update('secret').digest('hex')] }))
  const full: Partial<RouteOptions> = {
    filters: [apiKeys({ file: keys }), requestLimit({ rate: 10_000_000 })],
    guard: breaker({ name: 'orders' }),
  }
  const other = (timeout: number): RouteOptions => ({ path: '/other/{id}', host: 'other.example', to: 'orders', timeout })
  const others = Array.from({ length: kind === 'many' ? ROUTES : 0 }, (_, i): [string, RouteOptions] => [
    `other${i}`,
    { ...other(1_000), path: `/other${i}/{id}` },
  ])
  const routes = liveRoutes({
    routes: { orders: { prefix: '/orders', to: 'orders', ...(isFull && full) }, ...Object.fromEntries(others) },
    upstreams: { orders: { addresses: [`127.0.0.1:${upstream}`] } },
  })
  let changes = 0
  let changing: NodeJS.Timeout | undefined
  process.on('message', (word) => {
    clearInterval(changing)
    if (word !== 'change') return
    changing = setInterval(() => {
      const at = changes++ % ROUTES
      routes.setRoute(`other${at}`, { ...other(1_000 + changes), path: `/other${at}/{id}` })
    }, 1_000 / CHANGES)
  })
  const certificate = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
  const more = {
    ...(isFull && { accessLog: '/dev/null' }),
    ...(kind === 'tls_full' && { tls: { certificates: [certificate] } }),
  }
  return (await startGateway({ port: 0, log: silentLogger(), routes, ...more })).url
}

const url = await (kind === 'fastify_http_proxy' ? fastify() : ours())
process.send!(Number(new URL(url).port))
