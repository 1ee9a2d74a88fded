/** `server.ts dure`, `server.ts npm MODULE`: the same service behind our door, and behind the server of npm's `soap`. Tells its port, and its CPU time when asked. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { soap, wsdlDocument } from '@dure/soap'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Orders, totalOf, type Order } from './orders.ts'

const [, , kind, module = ''] = process.argv
process.send!(kind === 'dure' ? await ours() : await theirs())
process.on('message', () => {
  const { user, system: kernel } = process.cpuUsage()
  process.send!(user + kernel)
})

async function ours(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-soap-'))
  const orders = service(Orders, { handlers: { place: (order) => ({ orderId: order.orderId, total: totalOf(order) }) } })
  const made = system('bench', { services: [orders], doors: [soap({ port: 0 })], security: 'off' })
  const running = await start(made, { directory, log: silentLogger() })
  process.once('disconnect', () => {
    void running.stop().finally(() => {
      rmSync(directory, { recursive: true, force: true })
      process.exit()
    })
  })
  return Number(new URL(running.doors[0]!.url!).port)
}

async function theirs(): Promise<number> {
  const library = (await import(module)) as { listen?: unknown; default?: unknown }
  const { listen } = (library.listen === undefined ? library.default : library) as {
    listen: (server: unknown, options: object) => unknown
  }
  const server = createServer((_request, response) => response.writeHead(404).end())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const place = ({ orderId, lines }: { orderId: string; lines: { item: Order['lines'] } }) => {
    // It answers text where its WSDL says numbers.
    const items = [lines.item].flat().map(({ pieces, price }) => ({ pieces: Number(pieces), price: Number(price) }))
    return { result: { orderId, total: totalOf({ lines: items }) } }
  }
  const services = { OrdersService: { OrdersSoap: { place }, OrdersSoap12: { place } } }
  const xml = wsdlDocument([Orders], { addressOf: () => `http://127.0.0.1:${port}/soap/orders` })
  listen(server, { path: '/soap/orders', services, xml })
  process.once('disconnect', () => process.exit())
  return port
}
