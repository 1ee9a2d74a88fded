import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { virtualRuntime, type VirtualRuntime } from '../runtime/runtime.ts'
import { service, start, system, type Running } from '../service/service.ts'
import { createLogger } from '../telemetry/telemetry.ts'
import type { ScheduleReading } from './control.ts'
import { schedule, type Schedule, type ScheduleOptions, type Tick } from './schedule.ts'

const Clock = contract('clock', { version: '1.0.0', owner: 'tests', operations: {} })
const Bell = contract('bell', {
  version: '1.0.0',
  owner: 'tests',
  operations: { ring: command({ input: z.string(), output: z.void() }) },
})
const rows = database<{ chimes: { at: string } }>({ migrations: { '001': 'CREATE TABLE chimes (at TEXT NOT NULL)' } })

const START = Date.parse('2026-06-01T00:00:00Z')
type Options = Partial<ScheduleOptions<{}, { chimes: { at: string } }>>
type Said = { readonly at: string; readonly missed: number; readonly attempt: number; readonly by: string | undefined }

/** A service with one schedule, each minute, in a world whose time moves when told to. */
function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-schedule-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const runtime = virtualRuntime({ start: START })
  const log: string[] = []
  const ran: Said[] = []
  let rung = 0
  const bell = service(Bell, { database: rows, handlers: { ring: () => void rung++ } })
  const note = ({ at, missed, attempt, by }: Tick): void =>
    void ran.push({ at: at.toISOString().slice(11, 19), missed, attempt, by })
  const define = (options: Options = {}): Schedule =>
    schedule('chime', {
      ...{ cron: '* * * * *', zone: 'UTC', late: 'run', database: rows },
      run: async ({ tick }, { database }) => {
        note(tick)
        await database.transaction((tx) => tx.insertInto('chimes').values({ at: tick.at.toISOString() }).execute())
      },
      ...options,
    })
  const open = (...extensions: readonly Schedule[]): Promise<Running> =>
    during(
      runtime,
      0,
      start(
        system('tower', {
          services: [service(Clock, { database: rows, extensions, handlers: {} }), bell],
          ...{ database: adapter, telemetry: false },
        }),
        {
          ...{ directory, runtime, shutdownTimeout: 1_000 },
          log: createLogger({ clock: runtime.clock, write: (line) => void log.push(line) }),
        },
      ),
    )
  const ask = (running: Running, method: string, input: object = {}) =>
    during(runtime, 1, running.ask('clock', { kind: 'schedule', method, input }))
  const only = async (running: Running): Promise<ScheduleReading> =>
    ((await ask(running, 'list')) as readonly ScheduleReading[])[0]!
  return { runtime, ran, note, define, log, open, ask, only, at: () => ran.map((one) => one.at), rung: () => rung }
}

/** Nothing is waited for but virtual time: what is committed survives the process, and not the machine. */
const adapter = sqlite({ durability: 'process' })

/** Lets time pass in steps until something has happened. */
async function during<T>({ advance }: VirtualRuntime, ms: number, work: Promise<T>): Promise<T> {
  let over = false
  work.then(
    () => (over = true),
    () => (over = true),
  )
  while (!over) await advance(ms)
  return work
}

const stopped = (runtime: VirtualRuntime, running: Running): Promise<void> => during(runtime, 100, running.stop())

/** Moves on in small steps, so that each is over before the next. */
async function pass({ advance }: VirtualRuntime, seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 2; step++) await advance(500)
}

const why = { name: 'chime', by: 'ada', reason: 'to hear it' }

test('each tick is run once, also over a stop', async (t) => {
  const { runtime, ran, define, open, only } = rig(t)
  const running = await open(define())
  await pass(runtime, 130)
  assert.deepEqual(ran, [
    { at: '00:01:00', missed: 0, attempt: 1, by: undefined },
    { at: '00:02:00', missed: 0, attempt: 1, by: undefined },
  ])
  const { state, next, last } = await only(running)
  assert.deepEqual({ state, next, outcome: last?.outcome }, { state: 'waiting', next: START + 180_000, outcome: 'done' })
  await stopped(runtime, running)
  const again = await open(define())
  await pass(runtime, 60)
  assert.deepEqual(ran.slice(2), [{ at: '00:03:00', missed: 0, attempt: 1, by: undefined }])
  await stopped(runtime, again)
})

test('late ticks are made up for by one run that knows how many it stands for, or are left out, as declared', async (t) => {
  for (const late of ['run', 'skip'] as const) {
    const { runtime, ran, define, open } = rig(t)
    const running = await open(define({ late }))
    await pass(runtime, 70)
    await stopped(runtime, running)
    await runtime.advance(300_000 - runtime.clock.now() + START + 45_000)
    const again = await open(define({ late }))
    await pass(runtime, 20)
    const first = { at: '00:01:00', missed: 0, attempt: 1, by: undefined }
    const next = { at: '00:06:00', attempt: 1, by: undefined }
    const made =
      late === 'run'
        ? [
            { at: '00:05:00', missed: 3, attempt: 1, by: undefined },
            { ...next, missed: 0 },
          ]
        : [{ ...next, missed: 4 }]
    assert.deepEqual(ran, [first, ...made])
    await stopped(runtime, again)
  }
})

test('none begins while the last is at work; what comes meanwhile is late', async (t) => {
  for (const late of ['run', 'skip'] as const) {
    const { runtime, ran, note, define, open } = rig(t)
    let atWork = 0
    const run: Options['run'] = async ({ tick }) => {
      note(tick)
      assert.equal(++atWork, 1)
      await runtime.timers.sleep(150_000)
      atWork--
    }
    const running = await open(define({ late, run }))
    await pass(runtime, 370)
    const second = late === 'run' ? ['00:03:00', 1] : ['00:04:00', 2]
    assert.deepEqual(
      ran.slice(0, 2).map(({ at, missed }) => [at, missed]),
      [['00:01:00', 0], second],
    )
    await stopped(runtime, running)
  }
})

test('a run that fails, or takes too long, is told of, and the next tick comes; what it still writes is refused', async (t) => {
  const { runtime, define, open, log, at, note, only } = rig(t)
  const refused: unknown[] = []
  const run: Options['run'] = async ({ tick }, { database, signal }) => {
    note(tick)
    if (tick.at.getUTCMinutes() === 1) throw new Error('The rope is torn')
    await runtime.timers.sleep(20_000)
    assert.equal(signal.aborted, true)
    const work = database.transaction((tx) => tx.insertInto('chimes').values({ at: 'late' }).execute())
    await work.catch((error: unknown) => refused.push(error))
  }
  const running = await open(define({ run, timeout: 10_000 }))
  await pass(runtime, 65)
  assert.match((await only(running)).last!.error!, /The rope is torn/)
  await pass(runtime, 85)
  const { last } = await only(running)
  assert.equal(last?.outcome, 'failed')
  assert.match(last!.error!, /had not ended after 10000 ms/)
  assert.match(String(refused[0]), /is over, or another copy has it/)
  assert.deepEqual(at(), ['00:01:00', '00:02:00'])
  assert.ok(log.some((line) => line.includes('The rope is torn')))
  await stopped(runtime, running)
})

test('a run that a stop cuts off is begun again, unless something of it is committed', async (t) => {
  for (const commits of [false, true]) {
    const { runtime, ran, note, define, open, ask, only } = rig(t)
    let hangs = true
    const run: Options['run'] = async ({ tick }, { database }) => {
      note(tick)
      if (commits) await database.transaction((tx) => tx.insertInto('chimes').values({ at: 'first' }).execute())
      if (hangs) await new Promise(() => {})
    }
    const running = await open(define({ run, cron: '0 0 1 * * *' }))
    await pass(runtime, 10)
    await ask(running, 'run', why)
    await pass(runtime, 1)
    await stopped(runtime, running)
    hangs = false
    const again = await open(define({ run, cron: '0 0 1 * * *' }))
    await pass(runtime, 5)
    const { last } = await only(again)
    assert.deepEqual(
      ran.map(({ attempt, by }) => [attempt, by]),
      commits
        ? [[1, 'ada']]
        : [
            [1, 'ada'],
            [2, 'ada'],
          ],
    )
    assert.equal(last?.outcome, commits ? 'cut off' : 'done')
    await stopped(runtime, again)
  }
})

test('another expression or zone: the next tick is computed anew, and told', async (t) => {
  const { runtime, define, open, log, at } = rig(t)
  await stopped(runtime, await open(define({ cron: '0 9 * * *', zone: 'Asia/Seoul' })))
  const running = await open(define({ cron: '2 * * * *' }))
  await pass(runtime, 130)
  assert.deepEqual(at(), ['00:02:00'])
  assert.ok(log.some((line) => line.includes('computed anew') && line.includes('0 9 * * * Asia/Seoul')))
  await stopped(runtime, running)
})

test('people pause it, resume it and have it run, and it is kept who and why', async (t) => {
  const { runtime, ran, define, open, ask, only } = rig(t)
  const running = await open(define())
  await ask(running, 'pause', why)
  assert.equal((await only(running)).state, 'paused')
  await pass(runtime, 130)
  assert.deepEqual(ran, [])
  await ask(running, 'run', why)
  await pass(runtime, 1)
  assert.deepEqual(ran, [{ at: '00:02:10', missed: 0, attempt: 1, by: 'ada' }])
  await ask(running, 'resume', { ...why, by: 'bob' })
  await pass(runtime, 55)
  assert.deepEqual(ran.slice(1), [{ at: '00:03:00', missed: 0, attempt: 1, by: undefined }])
  const audit = (await ask(running, 'audit')) as readonly { action: string; by: string }[]
  assert.deepEqual(
    audit.map(({ action, by }) => [action, by]),
    [
      ['resume', 'bob'],
      ['run', 'ada'],
      ['pause', 'ada'],
    ],
  )
  await assert.rejects(ask(running, 'run', { ...why, name: 'gong' }), /no schedule "gong" here; there are: chime/)
  await stopped(runtime, running)
})

test('a clock that is set back brings no tick twice; one that is set forward makes ticks late', async (t) => {
  const { runtime, ran, define, open, at, only } = rig(t)
  const running = await open(define())
  await pass(runtime, 130)
  runtime.jump(-90_000)
  await pass(runtime, 90)
  assert.deepEqual(at(), ['00:01:00', '00:02:00'])
  assert.equal((await only(running)).behind, false)
  runtime.jump(-3_600_000)
  await pass(runtime, 15)
  assert.equal((await only(running)).behind, true)
  runtime.jump(3_600_000)
  await pass(runtime, 60)
  assert.deepEqual(at().slice(2), ['00:03:00'])
  runtime.jump(600_000)
  await pass(runtime, 15)
  assert.deepEqual(ran.at(-1), { at: '00:13:00', missed: 9, attempt: 1, by: undefined })
  await stopped(runtime, running)
})

test('a command that a run calls is done once, however often the run is begun', async (t) => {
  const { runtime, open, ask, only, rung } = rig(t)
  let hangs = true
  const chime = schedule('chime', {
    ...{ cron: '0 * * * *', zone: 'UTC', late: 'run' as const, needs: { bell: Bell } },
    run: async (_, { bell }) => {
      await bell.ring('now')
      if (hangs) await new Promise(() => {})
    },
  })
  const running = await open(chime)
  await ask(running, 'run', why)
  await pass(runtime, 2)
  assert.equal(rung(), 1)
  await stopped(runtime, running)
  hangs = false
  const again = await open(chime)
  await pass(runtime, 2)
  assert.equal((await only(again)).last?.outcome, 'done')
  assert.equal(rung(), 1)
  await stopped(runtime, again)
})

test('what cannot be meant is refused where it is defined', () => {
  const good = { cron: '* * * * *', zone: 'UTC', late: 'run', run: () => {} } as const
  for (const [name, options, message] of [
    ['x', { ...good, cron: '99 * * * *' }, /Cannot define schedule "x": "cron" is "99 \* \* \* \*"/],
    ['x', { ...good, zone: 'Berlin' }, /Cannot define schedule "x": "zone" is "Berlin"/],
    ['x', { ...good, late: 'later' }, /"late" is "later"; give "skip" or "run"/],
    ['x', { ...good, run: undefined }, /"run" is of type undefined/],
    ['x', { ...good, timeout: 0 }, /"timeout" is 0/],
    ['', good, /its name has other characters/],
  ] as const)
    assert.throws(() => schedule(name, options as typeof good), { name: 'TypeError', message })
})
