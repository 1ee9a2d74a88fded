/**
 * A copy of a service, to be killed inside a command with a key: `before` its transaction, `inside` it, or `after` its commit. It says
 * where it is.
 */
import { keepAlive, realRuntime } from '../runtime/runtime.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { copyOn, effectsTable } from './idempotency-copies.test-support.ts'

const [, , directory, where] = process.argv
const adapter = await testAdapter({ directory: directory!, runtime: realRuntime(), log: silentLogger() })
const store = await adapter.open('test', { migrations: effectsTable })
const here = (): Promise<never> => {
  process.stdout.write('here\n')
  keepAlive()
  return new Promise(() => {})
}
await copyOn(store, 0, 0).call(async ({ commit }) => {
  if (where === 'before') await here()
  await commit(where === 'inside' ? here : undefined)
  await here()
})
