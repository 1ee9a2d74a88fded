/** A program: the one address of a system, before the copies of its releases. Supervised by `runner.ts`. */
import { createServer } from 'node:http'
import { rmSync } from 'node:fs'
import { liveRoutes, startGateway, type AccessEntry, type GatewayConfiguration } from '@dure/gateway'
import { joinSupervisor } from 'dure/supervisor'
import { LATENCIES, type CallCounts } from './counts.ts'
import { readJson } from './detached.ts'
import type { FrontFile, FrontStatus } from './front-door.ts'

const [, , file = '', control = '', host = '127.0.0.1', port = '0'] = process.argv
/** Releases by the addresses of their copies, those that have left as well: their last lines come a moment later. */
const releaseAt = new Map<string, string>()
const counts = new Map<string, { calls: number; failed: number; within: number[] }>()

function count(lines: string): void {
  for (const line of lines.split('\n')) {
    if (line === '') continue
    const { upstream, status, duration } = JSON.parse(line) as Pick<AccessEntry, 'upstream' | 'status' | 'duration'>
    const id = releaseAt.get(upstream)
    // Whoever has gone before he was answered says nothing of a release.
    if (id === undefined || status === 499) continue
    let one = counts.get(id)
    if (one === undefined)
      counts.set(id, (one = { calls: 0, failed: 0, within: Array(LATENCIES.length + 1).fill(0) as number[] }))
    one.calls++
    if (status >= 500) one.failed++
    const bucket = LATENCIES.findIndex((bound) => duration <= bound)
    one.within[bucket < 0 ? LATENCIES.length : bucket]!++
  }
}

const read = (): FrontFile => readJson<FrontFile>(file) ?? { version: 0, releases: [] }
function configurationOf({ releases }: FrontFile): GatewayConfiguration {
  for (const { id, addresses } of releases) for (const address of addresses) releaseAt.set(address, id)
  const taking = releases.filter(({ share, addresses }) => share > 0 && addresses.length > 0)
  if (taking.length === 0) return { routes: {} }
  return {
    routes: { all: { prefix: '/', to: taking.map(({ id, share }) => ({ upstream: id, weight: share })) } },
    upstreams: Object.fromEntries(releases.map(({ id, addresses }) => [id, { addresses }])),
  }
}

const supervised = joinSupervisor()
let told = read()
const routes = liveRoutes(configurationOf(told))
if (await supervised?.loaded()) {
  const gateway = await startGateway({
    ...{ routes, host, port: Number(port), socket: supervised?.sockets.get('gateway'), accessLog: count },
  })
  const server = createServer((request, response) => {
    const answer = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    try {
      if (request.method === 'POST') {
        const next = read()
        routes.set(configurationOf(next))
        told = next
      }
      answer(200, {
        version: told.version,
        counts: Object.fromEntries(counts) satisfies Record<string, CallCounts>,
      } satisfies FrontStatus)
    } catch (error) {
      answer(400, { message: (error as Error).message })
    }
  })
  rmSync(control, { force: true })
  const umask = process.umask(0o177)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(control, resolve))
  process.umask(umask)
  supervised?.ready({ url: gateway.url })
  await supervised?.stopped
  server.close()
  await gateway.stop()
}
supervised?.leave()
