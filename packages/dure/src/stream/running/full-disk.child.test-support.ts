/** A service whose store is on a small disk of its own, which fills up, and gets room again. Ends with 0 when nothing was lost or twice. */
import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { command, contract, event, query } from '../../contract/contract.ts'
import { database, sqlite } from '../../data/data.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { service, start, system } from '../../service/service.ts'
import { createLogger } from '../../telemetry/telemetry.ts'
import { stream, topology } from '../stream.ts'

const [directory, disk] = process.argv.slice(2) as [string, string]
const Sale = z.object({ seller: z.string(), cents: z.int() })
const Sold = event('item.sold', { schema: Sale, key: ({ seller }) => seller })
const Shop = contract('shop', {
  ...{ version: '1.0.0', owner: 'tests', operations: { sell: command({ input: Sale }) }, events: [Sold] },
})
const Report = contract('report', {
  ...{ version: '1.0.0', owner: 'tests', operations: { sums: query({ output: z.array(z.int()) }) } },
})
/** State that needs room. */
const filler = 's'.repeat(4_000)
const sums = stream(Sold)
  .byKey()
  .aggregate({
    name: 'sums',
    init: () => ({ sum: 0, filler }),
    add: ({ sum }, { cents }) => ({ sum: sum + cents, filler }),
    result: ({ sum }) => sum,
  })
const sales = topology('sales', [sums])
const shop = service(Shop, {
  database: database({ migrations: {} }),
  handlers: { sell: (data, { database: own }) => own.transaction((tx) => tx.publish(Sold, data)) },
})
const report = service(Report, {
  ...{ database: database({ migrations: {} }), extensions: [sales] },
  store: (world) => sqlite()({ ...world, directory: disk }),
  handlers: {
    sums: async (_, context) => (await sales.view(context, sums).list({ limit: 1_000 })).map(({ value }) => value),
  },
})

const lines: string[] = []
const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
const running = await start(system('market', { services: [shop, report] }), { directory, log })
const client = running.client(Shop)
const sum = async (): Promise<number> => (await running.client(Report).sums()).reduce((all, one) => all + one, 0)
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await realRuntime().timers.sleep(5)
}
let sold = 0
const sell = async (some: number): Promise<void> => {
  for (let n = 0; n < some; n++) await client.sell({ seller: String(sold++), cents: 1 })
}
const ballast = join(disk, 'ballast')

function fill(): void {
  const file = openSync(ballast, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(4_096, 1))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

await sell(20)
await until(async () => (await sum()) === 20)
fill()
await sell(60)
await until(() => lines.some((line) => /could not be taken/.test(line) && /disk is full/.test(line)))
// What was committed before is answered all the while.
const now = await sum()
assert.ok(now >= 20 && now < sold, `${now} of ${sold}`)
rmSync(ballast)
await sell(5)
await until(async () => (await sum()) === sold)
await running.stop()
console.log(lines.find((line) => /disk is full/.test(line)))
process.exit(0)
