import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { contract, query } from '../../contract/contract.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { createLogger, type Act, type ExporterWorld } from '../../telemetry/telemetry.ts'
import { createActs } from '../../telemetry/internal.ts'
import { createDiagnoses, createDiagnostics } from '../diagnostics.ts'
import { service, start, system } from '../service.ts'

const make = (name: string) => {
  const described = contract(name, {
    version: '1.0.0',
    owner: 'tests',
    operations: { work: query({ input: z.object({ ms: z.number() }), output: z.string() }) },
  })
  const handlers = {
    work: (
      { ms }: { ms: number },
      { log, metrics }: { log: { debug: (text: string) => void }; metrics: { counter: (name: string) => { add: () => void } } },
    ) => {
      log.debug(`${name} works`)
      metrics.counter('work.done').add()
      workHard(ms)
      return name
    },
  }
  return { described, made: service(described, { handlers }) }
}
const [orders, stock] = [make('orders'), make('stock')]

function workHard(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) Math.sqrt(end)
}

/** Two processes of one system, as far as they know. */
async function parts(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-diagnostics-'))
  const lines: string[] = []
  let metrics: ExporterWorld['metrics'] | undefined
  const look = (world: ExporterWorld) => {
    metrics = world.metrics
    return { name: 'look', take: () => {}, dropped: () => 0, flush: async () => {}, stop: async () => {} }
  }
  const shop = system('shop', { services: [orders.made, stock.made], telemetry: { exporters: [look] } })
  const log = createLogger({ clock: realRuntime().clock, level: 'debug', write: (line) => void lines.push(line) })
  const run = (...part: string[]) => start(shop, { directory, log, logLevel: 'info', part })
  const others = await run('broker', 'orders')
  const doors = await run('stock', 'doors')
  t.after(async () => {
    await doors.stop()
    await others.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  while ((await doors.diagnostics.levels()).length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  const debugs = (): readonly string[] => lines.filter((line) => line.includes('"debug"') && line.includes(' works'))
  return { doors, debugs, metrics: metrics! }
}

test('a level is changed in the process that runs the service, and in no other', { timeout: 120_000 }, async (t) => {
  const { doors, debugs } = await parts(t)
  const ask = async (): Promise<void> => {
    await doors.client(orders.described).work({ ms: 0 })
    await doors.client(stock.described).work({ ms: 0 })
  }
  await ask()
  assert.equal(debugs().length, 0)
  const [changed] = await doors.diagnostics.setLevel({ of: 'orders', level: 'debug' })
  assert.deepEqual([changed!.copy, changed!.level, changed!.usual], ['orders', 'debug', 'info'])
  assert.deepEqual((await doors.diagnostics.levels()).map(({ copy, level }) => `${copy} ${level}`).toSorted(), [
    'orders debug',
    'stock info',
  ])
  await ask()
  assert.deepEqual(
    debugs().map((line) => /"message":"(\w+)/.exec(line)![1]),
    ['orders'],
  )
  await assert.rejects(doors.diagnostics.setLevel({ of: 'nobody', level: 'debug' }), {
    code: 'NOT_FOUND',
    message: /there are (orders, stock|stock, orders)/,
  })
  await assert.rejects(doors.diagnostics.setLevel({ of: 'orders', level: 'loud' as never }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(doors.diagnostics.setLevel({ of: 'orders', level: 'info', ms: 1e12 }), { code: 'INVALID_ARGUMENT' })
})

test(
  'a process elsewhere is profiled while it works: the function that took the time is in it',
  { timeout: 120_000 },
  async (t) => {
    const { doors } = await parts(t)
    for (const kind of ['cpu', 'heap'] as const) {
      let done = false
      const profiling = doors.diagnostics.profile({ of: 'orders', kind, ms: 300 }).finally(() => void (done = true))
      await assert.rejects(doors.diagnostics.profile({ of: 'orders', ms: 100 }), { code: 'FAILED_PRECONDITION' })
      while (!done) await doors.client(orders.described).work({ ms: 10 })
      const { copy, profile } = await profiling
      assert.equal(copy, 'orders')
      if (kind === 'cpu') assert.match(profile, /"functionName":"workHard"/)
      assert.ok(Array.isArray((JSON.parse(profile) as { samples: unknown }).samples), kind)
    }
    await assert.rejects(doors.diagnostics.profile({ of: 'orders', ms: 60_001 }), { code: 'INVALID_ARGUMENT' })
  },
)

test('what keeps the event loop is found with the code that was at work', { timeout: 120_000 }, async (t) => {
  const { doors } = await parts(t)
  let done = false
  const watching = doors.diagnostics.stalls({ of: 'orders', ms: 2_000, threshold: 50 }).finally(() => void (done = true))
  while (!done) {
    await doors.client(orders.described).work({ ms: 400 })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { stalls } = await watching
  const seen = stalls.find(({ stack }) => stack.some(({ name }) => name === 'workHard'))
  assert.ok(seen !== undefined, JSON.stringify(stalls))
  assert.ok(seen.ms > 50)
  const frame = seen.stack.find(({ name }) => name === 'workHard')!
  assert.match(frame.file, /diagnostics\.test\.ts$/)
  assert.ok(frame.line > 1)
})

test('the numbers of an application, and of each process, are read wherever one asks, once', { timeout: 120_000 }, async (t) => {
  const { doors, metrics } = await parts(t)
  await doors.client(orders.described).work({ ms: 0 })
  await doors.client(stock.described).work({ ms: 0 })
  const families = await metrics.readEverywhere()
  const told = (name: string): readonly string[] =>
    families
      .find((family) => family.name === name)!
      .points.map(({ attributes }) => String(attributes['service.name'] ?? attributes['dure.process']))
      .toSorted()
  assert.deepEqual(told('work.done'), ['orders', 'stock'])
  assert.deepEqual(told('process.memory.usage'), ['broker+orders', 'stock+doors'])
})

test('what is done to a process is written down with who did it and why; looking at levels is not', async () => {
  const acts: Act[] = []
  const runtime = realRuntime()
  const diagnose = createDiagnoses({
    runtime: { ...runtime, diagnose: { profile: async () => '{}', stalls: async () => [] } },
    gate: { levelOf: () => SETTING, setLevel: () => SETTING } as never,
    ended: new AbortController().signal,
  })
  const record = createActs({ record: async (act) => void acts.push(act), runtime })
  const diagnostics = createDiagnostics({
    copies: () => [{ name: 'orders', copies: ['orders', 'orders#2'].map((copy) => ({ copy, diagnose: diagnose('orders') })) }],
    acts: record,
  })
  await diagnostics.levels()
  assert.equal((await diagnostics.setLevel({ of: 'orders', level: 'debug', by: 'ida', reason: 'It is slow' })).length, 2)
  await diagnostics.profile({ of: 'orders#2', by: 'ida' })
  await diagnostics.stalls({ of: 'orders' })
  await record.settled()
  assert.deepEqual(
    acts.map(({ actor, action, subject, outcome, personal }) => [actor, action, subject, outcome, personal?.['reason']]),
    [
      ['ida', 'log.level', 'orders', 'begun', 'It is slow'],
      ['ida', 'log.level', 'orders', 'done', 'It is slow'],
      ['ida', 'process.profile', 'orders#2', 'begun', undefined],
      ['ida', 'process.profile', 'orders#2', 'done', undefined],
      ['', 'process.stalls', 'orders', 'begun', undefined],
      ['', 'process.stalls', 'orders', 'done', undefined],
    ],
  )
})
const SETTING = { level: 'debug', usual: 'info', until: undefined } as const
