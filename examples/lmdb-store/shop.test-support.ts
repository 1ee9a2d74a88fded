/** A shop to be killed: orders without end, and tells each cart whose order was answered. */
import { silentLogger } from 'dure/telemetry'
import { start } from 'dure/service'
import { Carts, shop } from './system.ts'

const running = await start(shop(), { directory: process.argv[2]!, log: silentLogger() })
const carts = running.client(Carts)
await Promise.all(
  Array.from({ length: 4 }, async (_, user) => {
    for (let n = 0; ; n++) {
      await carts.order({ cartId: `${user}-${n}`, sku: 'lamp' })
      process.stdout.write(`${user}-${n}\n`)
    }
  }),
)
