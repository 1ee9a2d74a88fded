/** What a gateway says of itself to who runs it: which configuration it has, and its metrics. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { listen } from 'dure/door/server/internal'
import { EXPOSITION_TYPES } from 'dure/telemetry/internal'

/** Which configuration a gateway has. */
export type GatewayStatus = {
  /** Of the configuration that it uses. */
  readonly version: string | undefined
  /** Why what was meant to come next was not taken; undefined when nothing was refused since. */
  readonly refused?: string | undefined
  /** Since when it is not known whether its routes are still right, in milliseconds since the epoch; undefined when they are. */
  readonly staleSince?: number | undefined
}

/**
 * Answers `GET /status` with what a gateway says of itself, as JSON, and `GET /metrics` for Prometheus. Whoever reaches it may read it, so it is on this machine alone unless
 * told otherwise.
 * @throws {Error} when the port is taken
 *
 * @example
 * ```ts
 * import { liveRoutes, startOperator } from '@dure/gateway'
 *
 * const routes = liveRoutes({ version: 'a1b2', routes: {} })
 * const operator = await startOperator({ port: 0, status: () => ({ version: routes.current().version }) })
 * console.log(await (await fetch(`${operator.url}/status`)).json()) // → { version: 'a1b2' }
 * await operator.stop()
 * ```
 */
export async function startOperator(options: {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  readonly status: () => GatewayStatus
  /** In Prometheus' text format: those of `startGateway`. Default none. */
  readonly metrics?: () => Promise<string>
}): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const { port, host = '127.0.0.1', status, metrics } = options
  const server = createServer((request, response) => {
    const say = (code: number, text: string, type = 'application/json'): void =>
      void response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
    const path = request.method === 'GET' ? request.url : undefined
    if (path === '/status') return say(200, JSON.stringify(status()))
    if (path === '/metrics' && metrics !== undefined)
      return void metrics().then(
        (text) => say(200, text, EXPOSITION_TYPES.text),
        () => say(500, JSON.stringify({ status: 500, code: 'INTERNAL', message: 'Cannot read the metrics' })),
      )
    const there = `There is GET /status${metrics === undefined ? '' : ' and GET /metrics'}`
    say(404, JSON.stringify({ status: 404, code: 'PATH_NOT_FOUND', message: there }))
  })
  server.maxConnections = 64
  const where = await listen(server, { host, port, handed: undefined })
  return {
    url: `http://${where}`,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
