/**
 * A copy of a service, to be killed inside a command with a key: `before` its transaction, `inside` it, or `after` its commit:
 * with an answer that it `said` in it, or that is what it `returned`. It says where it is.
 */
import { keepAlive, realRuntime } from '../runtime/runtime.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import type { Store } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { copyOn, effectsTable } from './idempotency-copies.test-support.ts'

const [, , directory, where] = process.argv
const adapter = await testAdapter({ directory: directory!, runtime: realRuntime(), log: silentLogger() })
const store = (await adapter.open('test', { migrations: effectsTable })) as Store
const here = (): Promise<never> => {
  process.stdout.write('here\n')
  keepAlive()
  return new Promise(() => {})
}
if (where === 'returned') {
  let committed = false
  const lost: Store = {
    ...store,
    transaction: async (...given) => {
      const value = await store.transaction(...given)
      return committed ? here() : value
    },
  }
  const inside = async (): Promise<void> => void (committed = true)
  await copyOn(lost, 0, 0).call(({ commit }) => commit(inside), { whole: true })
}
await copyOn(store, 0, 0).call(async ({ commit }) => {
  if (where === 'before') await here()
  await commit(where === 'inside' ? here : undefined, where === 'said' ? { by: 'copy 0' } : undefined)
  await here()
})
