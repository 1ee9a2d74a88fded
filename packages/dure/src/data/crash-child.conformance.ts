import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { sqlRows } from './rows.conformance.ts'
import { ordersTable, type AdapterModule } from './world.conformance.ts'

/** The process that the crash test kills: commits pairs of rows, and in between keeps one transaction open for ever. */
const [, , module, directory] = process.argv
const { openAdapter, rows = sqlRows } = (await import(module!)) as AdapterModule
const adapter = await openAdapter({ directory: directory!, runtime: realRuntime(), log: silentLogger() })
const store = await adapter.open('orders', { migrations: ordersTable })

/** Something to wait for that is not done within the turn, so that the kill can fall in between. */
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const worker = async (name: number): Promise<void> => {
  for (let i = 0; i < 40; i++) {
    const id = `${name}-${i}`
    await store.transaction(async (tx) => {
      await rows.insert(tx, 'orders', { id: `${id}-first`, total: 1 })
      if (i % 5 === 0) await pause()
      await rows.insert(tx, 'orders', { id: `${id}-second`, total: 1 })
    })
    process.stdout.write(`${id}\n`)
  }
}
await Promise.all(Array.from({ length: 10 }, (_, name) => worker(name)))
await store.transaction(async (tx) => {
  await rows.insert(tx, 'orders', { id: 'open-first', total: 1 })
  process.stdout.write('inside\n')
  await new Promise(() => setInterval(() => {}, 1000))
})
