import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { z } from 'zod'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { ConfigError, keyVariable, liveValues, secret, type ConfigAdapter, type ConfigScalar, type LiveValues } from './config.ts'
import { openConfiguration, type Configuration, type ConfigOptions } from './configuration.ts'
import { lastGoodFiles } from './files/last-good.ts'

const Pay = z.object({ a: z.number(), b: z.number(), apiKey: z.string().transform(secret).optional() })
const Ship = z.object({ c: z.number() })
const services = [
  { contract: { name: 'pay' }, config: Pay as never },
  { contract: { name: 'ship' }, config: Ship as never },
  { contract: { name: 'other' } },
]
const GOOD = { 'pay.a': 1, 'pay.b': 1, 'ship.c': 1 }

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function open(t: TestContext, config: ConfigOptions, directory = temporary(t)): Promise<Configuration> {
  const world = { directory, runtime: realRuntime(), log: silentLogger() }
  const made = await openConfiguration({ system: 'shop', services, config, world, lastGood: lastGoodFiles(directory) })
  t.after(() => made.stop())
  return made
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await turn()
}

/** Somewhere else, which can be away. */
function elsewhere(values: LiveValues): { readonly adapter: ConfigAdapter; away: boolean } {
  const state: { readonly adapter: ConfigAdapter; away: boolean } = {
    away: false,
    adapter: () => {
      const source = values()
      return {
        ...source,
        ...{ name: 'elsewhere', remote: true },
        read: async () => {
          if (state.away)
            throw new ConfigError('Reading failed', [{ from: 'elsewhere', why: 'it does not answer' }], { away: true })
          return source.read()
        },
        freshness: () => (state.away ? { state: 'stale', since: 1, why: 'it does not answer' } : { state: 'fresh' }),
      }
    },
  }
  return state
}

test('a change is there for all services at once, or for none', async (t) => {
  const live = liveValues(GOOD)
  const { of, status } = await open(t, { sources: [live] })
  const [pay, ship] = [of('pay') as () => z.output<typeof Pay>, of('ship') as () => z.output<typeof Ship>]
  assert.deepEqual([pay(), ship(), of('other')()], [{ a: 1, b: 1 }, { c: 1 }, undefined])
  const before = pay()
  live.set({ 'pay.a': 2, 'pay.b': 2, 'ship.c': 2 })
  await until(() => {
    assert.equal(pay().a, pay().b)
    assert.equal(pay().a, ship().c)
    return ship().c === 2
  })
  assert.deepEqual(before, { a: 1, b: 1 })
  // Wrong for one: nobody gets it.
  live.set({ 'pay.a': 3, 'pay.b': 3, 'ship.c': 'x' })
  await until(() => status().refused !== undefined)
  assert.deepEqual([pay().a, ship().c, status().version], [2, 2, 2])
  assert.equal(status().refused!.problems[0]!.key, 'ship.c')
  live.set({ 'pay.a': 4, 'pay.b': 4, 'ship.c': 4 })
  await until(() => ship().c === 4)
  assert.equal(status().refused, undefined)
})

test('of changes that come faster than they are applied, the last one counts', async (t) => {
  const live = liveValues(GOOD)
  const { of } = await open(t, { sources: [live] })
  for (let n = 1; n <= 200; n++) {
    live.set({ 'pay.a': n, 'pay.b': n, 'ship.c': n % 7 === 0 ? 'x' : n })
    if (n % 3 === 0) await turn()
  }
  await until(() => (of('ship')() as { c: number }).c === 200)
})

test('what is missing or wrong at start is one error', async (t) => {
  await assert.rejects(open(t, { sources: [liveValues({ 'pay.a': 'x' }, 'defaults')] }), (error: ConfigError) => {
    assert.deepEqual(
      error.problems.map(({ key, from }) => [key, from]),
      [
        ['pay.a', 'defaults'],
        ['pay.b', undefined],
        ['ship.c', undefined],
      ],
    )
    assert.match(error.message, /^Cannot use the settings of system "shop":\n {2}- defaults: pay\.a: /)
    return true
  })
})

test('it starts with what was last good when a source is away, and secrets of that are in no file', async (t) => {
  const directory = temporary(t)
  const SECRET = 'hunter2-hunter2'
  const live = liveValues({ ...GOOD, 'pay.apiKey': SECRET, 'pay.a': 5 } satisfies Record<string, ConfigScalar>)
  const remote = elsewhere(live)
  const keys = keyVariable('K', { K: Buffer.alloc(32, 7).toString('base64') })
  const first = await open(t, { sources: [remote.adapter], keys }, directory)
  // Refused: it is not kept.
  live.set({ 'pay.a': 'x' })
  await until(() => first.status().refused !== undefined)
  await first.stop()
  for (const name of readdirSync(join(directory, 'config'))) {
    const file = join(directory, 'config', name)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.ok(!readFileSync(file, 'utf8').includes('hunter2'))
  }
  remote.away = true
  const second = await open(t, { sources: [remote.adapter], keys }, directory)
  const pay = second.of('pay')() as z.output<typeof Pay>
  assert.deepEqual([pay.a, pay.apiKey!.reveal()], [5, SECRET])
  assert.equal(second.status().sources[0]!.freshness.state, 'stale')
  assert.match(second.warnings().join(), /Settings of "elsewhere" may be old: it does not answer/)
  await second.stop()
  // Without the key what was secret is not there.
  const third = await open(t, { sources: [remote.adapter] }, directory)
  assert.equal((third.of('pay')() as z.output<typeof Pay>).apiKey, undefined)
  await third.stop()
  await assert.rejects(open(t, { sources: [remote.adapter] }), { message: /elsewhere: it does not answer/ })
})

test('while a source is away its settings go on, and changes of others count', async (t) => {
  const [live, other] = [liveValues(GOOD), liveValues({ 'pay.b': 7 }, 'first')]
  const remote = elsewhere(live)
  const { of, status } = await open(t, { sources: [other, remote.adapter] })
  remote.away = true
  live.set({ 'pay.a': 9 })
  other.set({ 'pay.b': 8 })
  await until(() => (of('pay')() as { b: number }).b === 8)
  assert.equal((of('pay')() as { a: number }).a, 1)
  assert.equal(status().refused, undefined)
})
