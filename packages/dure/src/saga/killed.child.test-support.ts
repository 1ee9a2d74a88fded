/**
 * A process that begins instances, and kills itself at the `at`-th transaction of their service or of whom they ask: `inside`, when its work is
 * done, or `after` its commit.
 * What an earlier process left it finishes first.
 */
import { testAdapter } from '../data/adapter.conformance.ts'
import type { SqlStore } from '../data/data.ts'
import { keepAlive } from '../runtime/runtime.ts'
import { start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { tripOf } from './killed.test-support.ts'
import { bankOf, Shop, shopOf, until } from './saga.test-support.ts'

const [, , directory, id, at, where] = process.argv
keepAlive()

let counting = false
let count = 0
const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}
const mortal = (store: SqlStore): SqlStore => ({
  ...store,
  transaction: async (work, options) => {
    const mine = counting && ++count === Number(at)
    const value = await store.transaction(async (tx) => {
      const done = await work(tx)
      if (mine && where === 'inside') await die()
      return done
    }, options)
    if (mine && where === 'after') await die()
    return value
  },
})

const trip = tripOf()
const running = await start(
  system('shopping', {
    services: [shopOf([trip]), bankOf()],
    database: async (world) => {
      const adapter = await testAdapter(world)
      return {
        ...adapter,
        open: async (service, definition) => {
          return mortal(await adapter.open(service, definition))
        },
      }
    },
  }),
  { directory: directory!, log: silentLogger() },
)
const shop = running.client(Shop)
const all = async (): Promise<boolean> =>
  (await shop.instances()).every((one) => String(one['state']).startsWith('comp') && one['state'] !== 'compensating')
await until(all)
counting = true
await shop.begin({ saga: trip.name, id: id!, input: null })
await until(all)
await running.stop()
process.stdout.write('lived\n')
process.exit(0)
