/** `server.ts dure`, `server.ts npm FOLDER`: the same service behind our door, and behind npm's framed server. Tells its port, and its CPU time when asked. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thrift } from '@dure/thrift'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { load } from './npm.ts'
import { Orders, totalOf } from './orders.ts'

const [, , kind, folder = ''] = process.argv
process.send!(kind === 'dure' ? await ours() : await theirs())
process.on('message', () => {
  const { user, system: kernel } = process.cpuUsage()
  process.send!(user + kernel)
})

async function ours(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-thrift-'))
  const orders = service(Orders, { handlers: { place: (order) => ({ orderId: order.orderId, total: totalOf(order) }) } })
  const made = system('bench', { services: [orders], doors: [thrift({ port: 0 })], security: 'off' })
  const running = await start(made, { directory, log: silentLogger() })
  process.once('disconnect', () => {
    void running.stop().finally(() => {
      rmSync(directory, { recursive: true, force: true })
      process.exit()
    })
  })
  return Number(new URL(running.doors[0]!.url!.replace('thrift', 'http')).port)
}

async function theirs(): Promise<number> {
  const { thrift: npm, types, service: made } = load(folder)
  type Order = Parameters<typeof totalOf>[0] & { readonly orderId: string }
  const place = (order: Order, _headers: unknown, done: (error: null, placed: object) => void): void =>
    done(null, new types.Placed({ orderId: order.orderId, total: totalOf(order) }))
  const options = { transport: npm.TFramedTransport, protocol: npm.TBinaryProtocol }
  const server = npm.createServer(made, { place }, options)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.once('disconnect', () => process.exit())
  return (server.address() as AddressInfo).port
}
