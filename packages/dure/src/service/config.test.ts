import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { ConfigError, liveValues, secret, type ConfigScalar } from '../config/config.ts'
import { command, contract, event, query } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { createLogger, silentLogger } from '../telemetry/telemetry.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { until } from './rig.test-support.ts'
import { configOf, service, start, system, type Running, type SystemError, type SystemOptions } from './service.ts'

const SECRET = 'hunter2-hunter2'
const Settings = z.object({ a: z.number(), b: z.number(), apiKey: z.string().transform(secret).optional() })
const Placed = event('placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Pay = contract('pay', {
  ...{ version: '1.0.0', owner: 'team' },
  operations: {
    both: query({ output: z.array(z.number()) }),
    slow: query({ output: z.array(z.number()) }),
    place: command({ output: z.string() }),
    seen: query({ output: z.array(z.number()) }),
  },
  events: [Placed],
})

function make() {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const seen: number[] = []
  const pay = service(Pay, {
    config: Settings,
    database: database({ migrations: {} }),
    handlers: {
      both: (_, { config }) => [config.a, config.b],
      slow: async (_, context) => {
        const { a } = context.config
        entered.resolve()
        await gate.promise
        assert.equal(configOf(context, Settings), context.config)
        assert.throws(() => configOf(context, z.object({})), /the service has others/)
        return [a, context.config.b]
      },
      place: (_, { config, database, log }) => {
        log.info('placing', { key: config.apiKey, config })
        return database.transaction(async (tx) => {
          await tx.publish(Placed, { id: String(config.apiKey) })
          return String(config.apiKey)
        })
      },
      seen: () => seen,
    },
    subscriptions: ({ on }) => [
      on(Placed, {
        prepare: async (_event, { config }) => config.a,
        handle: (_event, { config }, prepared) => void seen.push(prepared, config.b),
      }),
    ],
  })
  return { pay, gate, entered }
}

async function run(
  t: TestContext,
  options: SystemOptions,
  log = silentLogger(),
): Promise<{ running: Running; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-settings-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(system('shop', options), { directory, log })
  t.after(() => running.stop())
  return { running, directory }
}

test('handlers and reactions have their settings; a call that runs keeps those that it began with', async (t) => {
  const { pay, gate, entered } = make()
  const live = liveValues({ 'pay.a': 1, 'pay.b': '1' })
  const { running } = await run(t, { services: [pay], config: [live], telemetry: false })
  const client = running.client(Pay)
  assert.deepEqual(await client.both(), [1, 1])
  const slow = client.slow()
  await entered.promise
  live.set({ 'pay.a': 2, 'pay.b': 2 })
  await until(async () => {
    const [a, b] = await client.both()
    assert.equal(a, b)
    return a === 2
  })
  gate.resolve()
  assert.deepEqual(await slow, [1, 1])
  await client.place()
  await until(async () => (await client.seen()).length > 0)
  assert.deepEqual(await client.seen(), [2, 2])
  live.set({ 'pay.a': 'x' })
  await until(() => running.config().refused !== undefined)
  assert.deepEqual(await client.both(), [2, 2])
  const { ready, services } = await running.health()
  assert.equal(ready, true)
  assert.match(services[0]!.warnings!.join(), /A change of settings was refused, .*pay\.b: it is not set/)
})

test('a system does not start with settings that do not fit, and says all of it', async (t) => {
  const { pay } = make()
  await assert.rejects(
    run(t, { services: [pay], config: [liveValues({ 'pay.a': 'x' }, 'defaults')], telemetry: false }),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /\n {2}- defaults: pay\.a: .*\n {2}- pay\.b: it is not set/)
      return true
    },
  )
  await assert.rejects(run(t, { services: [pay], telemetry: false }), { name: 'ConfigError' })
  assert.throws(
    () => system('shop', { services: [service(Pay, { needs: { config: Pay }, handlers: {} as never })] }),
    (error: SystemError) => error.message.includes('"config"'),
  )
})

test('each process of a split system has them from the same sources, and says how they stand there', async (t) => {
  const { pay } = make()
  const live = liveValues({ 'pay.a': 1, 'pay.b': 1 })
  const directory = mkdtempSync(join(tmpdir(), 'dure-settings-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const shop = system('shop', { services: [pay], config: [live], telemetry: false })
  const begin = async (...part: string[]): Promise<Running> => {
    const running = await start(shop, { directory, log: silentLogger(), part })
    t.after(() => running.stop())
    return running
  }
  const first = await begin('broker')
  await begin('pay')
  const client = first.client(Pay)
  assert.deepEqual(await client.both(), [1, 1])
  live.set({ 'pay.a': 2, 'pay.b': 2 })
  await until(async () => {
    const [a, b] = await client.both()
    assert.equal(a, b)
    return a === 2 && first.config().version === 2
  })
  live.set({ 'pay.a': 'x', 'pay.b': 3 })
  await until(async () => (await first.health()).services[0]?.warnings !== undefined)
  assert.deepEqual(await client.both(), [2, 2])
})

test('the bytes of a secret are in no log, no span and no file of the data directory, however it is used', async (t) => {
  const { pay } = make()
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  const values: Record<string, ConfigScalar> = { 'pay.a': 1, 'pay.b': 1, 'pay.apiKey': SECRET }
  const live = liveValues(values)
  const { running, directory } = await run(t, { services: [pay], config: [live], telemetry: { sample: 1 } as never }, log)
  const client = running.client(Pay)
  assert.equal(await client.place(), '[secret]')
  // Rotated, refused, and rotated once more.
  const NEXT = 'hunter3-hunter3'
  live.set({ ...values, 'pay.a': 'x', 'pay.apiKey': NEXT })
  await until(() => running.config().refused !== undefined)
  live.set({ ...values, 'pay.apiKey': NEXT })
  await until(() => running.config().version === 2)
  await client.place()
  await until(async () => (await client.seen()).length === 4)
  const told = JSON.stringify([running.config(), await running.health(), await running.status()])
  await running.stop()
  assert.ok(
    lines.some((line) => line.includes('"key":"[secret]"')),
    lines.join(''),
  )
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))
  const read = files.filter((file) => statSync(file).isFile())
  assert.ok(
    read.some((file) => file.endsWith('.db')),
    files.join(),
  )
  for (const [where, text] of [
    ['logs', lines.join('')],
    ['what is told', told],
    ...read.map((file) => [file, readFileSync(file, 'latin1')]),
  ])
    assert.ok(!/hunter[23]/.test(text!), `a secret is in ${where}`)
})
