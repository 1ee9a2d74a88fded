import { contract, query } from '../contract/contract.ts'
import { service, system, type System } from '../service/service.ts'
import { z } from 'zod'

const operations = { ask: query({ input: z.int(), output: z.object({ n: z.int(), caller: z.string() }) }) }
export const Stock = contract('stock', { version: '1.0.0', owner: 'tests', operations })
export const Orders = contract('orders', { version: '1.0.0', owner: 'tests', operations })
const Mail = contract('mail', { version: '1.0.0', owner: 'tests', operations })

/** Orders may ask stock, and mail may not. */
export const shop: System = system('shop', {
  services: [
    service(Stock, { handlers: { ask: (n, { caller }) => ({ n, caller: caller ?? 'nobody' }) } }),
    service(Orders, { needs: { stock: Stock }, handlers: { ask: (n, { stock }) => stock.ask(n) } }),
    service(Mail, { needs: { stock: Stock }, handlers: { ask: (n, { stock }) => stock.ask(n) } }),
  ],
  allow: { stock: ['orders'], orders: ['doors'], mail: ['doors'] },
  telemetry: false,
})

/** Milliseconds: a certificate is replaced every five seconds. */
export const LIFE = 10_000
