import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { liveValues } from '../config/config.ts'
import { CallError, contract, query } from '../contract/contract.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { until } from './rig.test-support.ts'
import { service, start, system, type Running } from './service.ts'

const Settings = z.object({ word: z.string() })
const Pay = contract('pay', {
  ...{ version: '1.0.0', owner: 'team' },
  operations: { word: query({ output: z.string() }) },
})
const Ship = contract('ship', {
  ...{ version: '1.0.0', owner: 'team' },
  operations: { word: query({ output: z.string() }) },
})

/** `unready` is found by who is asked whether it is ready, `broken` by calls alone. */
const pay = service(Pay, {
  config: Settings,
  ready: (context) => (context.config.word === 'unready' ? 'it has no provider' : undefined),
  handlers: {
    word: (_, { config }) => {
      if (config.word === 'broken') throw new CallError('UNAVAILABLE', 'The provider does not answer')
      return config.word
    },
  },
})
const ship = service(Ship, { needs: { pay: Pay }, handlers: { word: (_, { pay }) => pay.word() } })

/** Nobody waits for the end of a look here: what is well is released by name. */
const LOOK = 600_000

function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-waves-'))
  const live = liveValues({ 'pay.word': 'one' })
  const shop = system('shop', { services: [pay, ship], config: { sources: [live], waves: { look: LOOK } }, telemetry: false })
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    live,
    begin: async (copy: number | undefined, ...part: string[]): Promise<Running> => {
      const log = silentLogger()
      const one = await start(shop, { directory, log, shutdownTimeout: 2_000, copy, ...(part.length > 0 && { part }) })
      running.push(one)
      return one
    },
  }
}

const wordOf = (one: Running): unknown => one.config().entries.find(({ key }) => key === 'pay.word')?.value

test('in processes: a change that its service would not be ready with is seen by no call; one that fails calls goes back; others come to all', async (t) => {
  const { live, begin } = rig(t)
  const doors = await begin(undefined, 'broker', 'ship')
  const copies = [await begin(1, 'pay'), await begin(2, 'pay'), await begin(3, 'pay')]
  const [failures, words] = [[] as unknown[], new Set<string>()]
  let over = false
  const load = async (): Promise<void> => {
    while (!over)
      await doors
        .client(Ship)
        .word()
        .then(
          (word) => void words.add(word),
          (error: unknown) => failures.push(error),
        )
  }
  const loads = [load(), load(), load()]
  t.after(() => {
    over = true
  })
  const history = async () => (await doors.settings.history()).map(({ number, outcome }) => `${number} ${outcome}`)

  live.set({ 'pay.word': 'unready' })
  await until(async () => (await history()).includes('2 rolled back'))
  const [{ why = [] } = {}] = await doors.settings.history()
  assert.match(why.join(), /^pay(#\d)?: it has no provider$/)
  assert.ok(!words.has('unready'))

  live.set({ 'pay.word': 'broken' })
  await until(async () => (await history()).includes('3 rolled back'))
  assert.match((await doors.settings.history())[0]!.why!.join(), /^pay(#\d)?: \d+ of \d+ calls failed$/)
  await until(() => copies.every((one) => wordOf(one) === 'one'))

  live.set({ 'pay.word': 'two' })
  await until(async () => (await history()).includes('4 trying'))
  await until(() => copies.filter((one) => wordOf(one) === 'two').length === 1)
  await doors.settings.release({ now: true })
  await until(async () => (await history()).includes('5 released'))
  await until(() => copies.every((one) => wordOf(one) === 'two'))
  const { to } = await doors.settings.rollback({ by: 'sori' })
  assert.equal(to, 1)
  await until(() => copies.every((one) => wordOf(one) === 'one'))
  assert.match((await doors.settings.status()).refused!.problems[0]!.why, /release 5 was rolled back/)
  // A copy that starts has what the others have.
  const fresh = await begin(4, 'pay')
  assert.equal(wordOf(fresh), 'one')
  over = true
  await Promise.all(loads)
  assert.deepEqual(failures, [])
})

test('in one process a change counts at once, and goes back by itself when it is not well', async (t) => {
  const { live, begin } = rig(t)
  const running = await begin(undefined)
  const client = running.client(Pay)
  live.set({ 'pay.word': 'unready' })
  await until(async () => (await running.settings.history())[0]!.outcome === 'rolled back')
  assert.equal(await client.word(), 'one')
  live.set({ 'pay.word': 'broken' })
  await until(async () =>
    client.word().then(
      () => false,
      () => true,
    ),
  )
  await until(async () => {
    await client.word().catch(() => {})
    return (await running.settings.history())[0]!.outcome === 'rolled back'
  })
  assert.equal(await client.word(), 'one')
  live.set({ 'pay.word': 'two' })
  await until(async () => (await client.word()) === 'two')
  await running.settings.release({ now: true })
  await until(async () => (await running.settings.history())[0]!.outcome === 'released')
  await running.settings.rollback()
  assert.equal(await client.word(), 'one')
})

test('without waves each process takes what its sources have, and says that nothing can be rolled back', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-waves-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const live = liveValues({ 'pay.word': 'one' })
  const shop = system('shop', { services: [pay], config: { sources: [live], waves: false }, telemetry: false })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(() => running.stop())
  live.set({ 'pay.word': 'broken' })
  await until(() => wordOf(running) === 'broken')
  assert.deepEqual(await running.settings.history(), [])
  await assert.rejects(running.settings.rollback(), /each process follows its sources by itself/)
  assert.throws(() => system('shop', { services: [pay], config: { sources: [live], waves: { look: -1 } } }), /"look"/)
})
