/** A small system in several processes, which find each other through etcd. As a program: `DIRECTORY URL PART COPY` runs a part of it. */
import { contract, query } from 'dure/contract'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { etcdRegistry } from './etcd.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-stock',
  operations: { who: query({ output: z.number() }) },
})
export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'team-desk',
  operations: { who: query({ output: z.number() }) },
})

export async function startPart(directory: string, url: string, part: readonly string[], copy: number = 1): Promise<Running> {
  const stock = service(Stock, { handlers: { who: () => process.pid } })
  const desk = service(Desk, { needs: { stock: Stock }, handlers: { who: (_input, { stock: at }) => at.who() } })
  const shop = system('shop', { services: [stock, desk], registry: etcdRegistry({ url }), security: 'off' })
  return start(shop, { directory, part, copy, log: silentLogger(), shutdownTimeout: 2_000 })
}

if (import.meta.main) {
  const [directory, url, part, copy] = process.argv.slice(2)
  const running = await startPart(directory!, url!, [part!], Number(copy))
  process.once('SIGTERM', () => void running.stop())
  console.log('ready')
}
