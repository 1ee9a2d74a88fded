import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiKeys, requestLimit, startGateway, type RouteOptions } from '@dure/gateway'
import { breaker } from 'dure/resilience'
import { silentLogger } from 'dure/telemetry'

/** One of the proxies: the gateway with one route, the same with all that a gateway does, or Fastify's. */
const [kind, upstream, folder] = process.argv.slice(2) as ['bare' | 'full' | 'fastify_http_proxy', string, string]
process.on('disconnect', () => process.exit())

const start = async (): Promise<number> => {
  if (kind === 'fastify_http_proxy') {
    type App = { register: (plugin: unknown, options: object) => void; listen: (options: object) => Promise<string> }
    const load = async (name: string): Promise<{ readonly default: unknown }> =>
      (await import(name)) as { readonly default: unknown }
    const app = ((await load('fastify')).default as (options: object) => App)({ logger: false })
    app.register((await load('@fastify/http-proxy')).default, { upstream: `http://127.0.0.1:${upstream}` })
    return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  }
  const keys = join(folder, 'keys.json')
  writeFileSync(keys, JSON.stringify({ app: [createHash('sha256').update('secret').digest('hex')] }))
  const full: Partial<RouteOptions> = {
    filters: [apiKeys({ file: keys }), requestLimit({ rate: 10_000_000 })],
    guard: breaker({ name: 'orders' }),
  }
  const { url } = await startGateway({
    port: 0,
    log: silentLogger(),
    ...(kind === 'full' && { accessLog: '/dev/null' }),
    routes: {
      routes: { orders: { prefix: '/orders', to: 'orders', ...(kind === 'full' && full) } },
      upstreams: { orders: { addresses: [`127.0.0.1:${upstream}`] } },
    },
  })
  return Number(new URL(url).port)
}
process.send!(await start())
