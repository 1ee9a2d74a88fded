import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { virtualRuntime, type VirtualRuntime } from '../runtime/runtime.ts'
import { silentLogger, type Act } from '../telemetry/telemetry.ts'
import { createActs } from '../telemetry/internal.ts'
import { liveValues, type LiveValues } from './config.ts'
import { openConfiguration, type Configuration } from './configuration.ts'
import { lastGoodFiles } from './files/last-good.ts'
import type { Looked, Member } from './fleet.ts'
import { createParticipant } from './participant.ts'
import { releaseFile } from './files/releases.ts'
import { afterEnd, currentOf, insteadOf, resumed, shown, type ConfigContent, type ReleaseState } from './release.ts'
import { createWaves, type Waves } from './waves.ts'

const LOOK = 10_000
const services = [
  { contract: { name: 'pay' }, config: z.object({ a: z.number() }) as never },
  { contract: { name: 'ship' }, config: z.object({ b: z.number() }) as never },
]
const VALUES = { 'pay.a': 1, 'ship.b': 1 }

type Process = {
  readonly id: string
  readonly configuration: Configuration
  readonly member: Member
  readonly waves: Waves
  /** What it tells of its services; changed by tests. */
  readonly looked: Map<string, Looked>
  readonly a: () => number
}

type Rig = {
  readonly live: LiveValues
  readonly runtime: VirtualRuntime
  readonly acts: Act[]
  readonly processes: Process[]
  readonly begin: (id: string, ...services: string[]) => Promise<Process>
  readonly end: (process: Process) => Promise<void>
  /** Lets what has begun go on; no time passes. */
  readonly settle: () => Promise<void>
  readonly values: () => Record<string, number>
}

/** Processes of a system in one: what they tell each other is handed over. */
function rig(t: TestContext): Rig {
  const directory = mkdtempSync(join(tmpdir(), 'dure-waves-'))
  const live = liveValues(VALUES)
  const runtime = virtualRuntime()
  const acts: Act[] = []
  const processes: Process[] = []
  const watchers = new Set<() => void>()
  const told = (): void => watchers.forEach((changed) => changed())
  t.after(async () => {
    await Promise.all(processes.map((one) => one.waves.stop()))
    rmSync(directory, { recursive: true, force: true })
  })
  const settle = async (): Promise<void> => {
    for (let n = 0; n < 50; n++) await new Promise(setImmediate)
  }
  return {
    ...{ live, runtime, acts, processes, settle },
    begin: async (id, ...names) => {
      const world = { directory, runtime, log: silentLogger() }
      const [other] = processes
      const begun = await other?.member.state()
      const from = begun && (async () => currentOf(begun).content)
      const file = releaseFile(directory, id, runtime.random)
      let known: ReleaseState | undefined
      const instead = async (content: ConfigContent) => {
        const saved = begun === undefined ? file.load([], content) : undefined
        known = saved && afterEnd(saved, content.mark)
        return known && insteadOf(known, content)
      }
      const configuration = await openConfiguration({
        ...{ system: 'shop', services, config: { sources: [live] }, world, lastGood: lastGoodFiles(directory), from, instead },
      })
      const steered = configuration.steered!
      const now = runtime.clock.now()
      const participant = createParticipant({ steered, id, now, begun: begun ?? (known && resumed(known, steered.now(), now)) })
      const keep = async (state: ReleaseState): Promise<void> => file.save(state, { secrets: () => new Set(), keys: [] })
      const looked = new Map(names.map((service) => [service, { service, ready: true, reasons: [], calls: 0, failed: 0 }]))
      const look = async (): Promise<readonly Looked[]> => [...looked.values()]
      const member: Member = {
        id,
        name: id,
        services: names,
        look,
        state: async () => participant.state(),
        step: participant.step,
      }
      const fleet = {
        members: () => processes.map((one) => one.member),
        watch: (changed: () => void) => {
          watchers.add(changed)
          return { stop: () => void watchers.delete(changed) }
        },
      }
      const record = async (act: Act): Promise<void> => void acts.push(act)
      const waves = createWaves({
        ...{ id, steered, participant, fleet, runtime, log: silentLogger() },
        ...{ acts: createActs({ record, runtime }), waves: { look: LOOK }, keep },
      })
      const process: Process = {
        ...{ id, configuration, member, waves, looked },
        a: () => (configuration.of('pay')() as { a: number }).a,
      }
      processes.push(process)
      told()
      await settle()
      return process
    },
    end: async (process) => {
      processes.splice(processes.indexOf(process), 1)
      told()
      await process.waves.stop()
      await process.configuration.stop()
      await settle()
    },
    values: () => Object.fromEntries(processes.map((one) => [one.id, one.a()])),
  }
}

const outcomes = async ({ member }: Process): Promise<readonly string[]> =>
  (await member.state()).releases.map(({ number, outcome, why = [] }) => [`${number} ${outcome}`, ...why].join(': '))

test('a change comes to one process of the service that it is about, and to the others when that was well for a while', async (t) => {
  const { live, runtime, acts, begin, settle, values } = rig(t)
  const first = await begin('p1', 'pay')
  await begin('p2', 'ship')
  await begin('p3', 'pay')
  live.set({ ...VALUES, 'pay.a': 2 })
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 1, p3: 2 })
  await runtime.advance(LOOK - 1)
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 1, p3: 2 })
  for (let n = 0; n < 3; n++) {
    await runtime.advance(1_000)
    await settle()
  }
  assert.deepEqual(values(), { p1: 2, p2: 2, p3: 2 })
  assert.deepEqual(await outcomes(first), ['1 released', '2 released'])
  assert.deepEqual(
    acts.map(({ action, subject, outcome, about }) => [action, subject, outcome, about]),
    [
      ['settings.release', '2', 'begun', { keys: ['pay.a'] }],
      ['settings.release', '2', 'done', { keys: ['pay.a'] }],
    ],
  )
  // What nobody has asked for is there at once.
  live.set({ ...VALUES, 'pay.a': 2, 'other.key': 1 })
  await settle()
  assert.deepEqual((await outcomes(first)).at(-1), '3 released')
})

test('one whose process is not ready, fails calls, or ends, is rolled back, and is not tried again until the sources change', async (t) => {
  const { live, runtime, begin, end, settle, values } = rig(t)
  const [first, second] = [await begin('p1', 'pay'), await begin('p2', 'pay')]
  const own = second.looked.get('pay')!
  const step = async (): Promise<void> => {
    await runtime.advance(1_000)
    await settle()
  }
  live.set({ ...VALUES, 'pay.a': 2 })
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 2 })
  second.looked.set('pay', { ...own, ready: false, reasons: ['no provider'] })
  await step()
  assert.deepEqual(values(), { p1: 1, p2: 1 })
  assert.deepEqual((await outcomes(first)).at(-1), '2 rolled back: p2: it is not ready: no provider')
  assert.match(first.configuration.warnings().join(), /release 2 was rolled back: p2: it is not ready: no provider/)
  await step()
  assert.equal((await outcomes(first)).length, 2)

  // Two failures are chance, and what fails everywhere is not because of the change.
  second.looked.set('pay', own)
  live.set({ ...VALUES, 'pay.a': 3 })
  await settle()
  second.looked.set('pay', { ...own, calls: 4, failed: 2 })
  await step()
  second.looked.set('pay', { ...own, calls: 10, failed: 5 })
  first.looked.set('pay', { ...own, calls: 100, failed: 60 })
  await step()
  assert.deepEqual(values(), { p1: 1, p2: 3 })
  second.looked.set('pay', { ...own, calls: 20, failed: 14 })
  await step()
  assert.deepEqual(values(), { p1: 1, p2: 1 })
  assert.deepEqual((await outcomes(first)).at(-1), '3 rolled back: p2: 14 of 20 calls failed')

  live.set({ ...VALUES, 'pay.a': 4 })
  await settle()
  await end(second)
  assert.deepEqual(values(), { p1: 1 })
  assert.deepEqual((await outcomes(first)).at(-1), '4 rolled back: p2: its process has ended')
  // Who comes now has what the others have, not what the sources have.
  await begin('p3', 'pay')
  assert.deepEqual(values(), { p1: 1, p3: 1 })
})

test('a service that says it would not be ready is not given the change at all', async (t) => {
  const { live, begin, settle, values } = rig(t)
  const [first, second] = [await begin('p1', 'pay'), await begin('p2', 'pay')]
  const seen: number[] = []
  second.configuration.steered!.trial('pay', async (value) => {
    seen.push((value as { a: number }).a, second.a())
    return ['the provider does not know the key']
  })
  live.set({ ...VALUES, 'pay.a': 2 })
  await settle()
  assert.deepEqual(seen, [2, 1])
  assert.deepEqual(values(), { p1: 1, p2: 1 })
  assert.deepEqual((await outcomes(first)).at(-1), '2 rolled back: p2: the provider does not know the key')
})

test('a rollback is one word, to the settings before or to those of a release; what the sources have is left until somebody says so', async (t) => {
  const { live, runtime, acts, begin, settle, values } = rig(t)
  const [first, second] = [await begin('p1', 'pay'), await begin('p2', 'pay')]
  const released = async (a: number): Promise<void> => {
    live.set({ ...VALUES, 'pay.a': a })
    await settle()
    for (let n = 0; n <= LOOK / 1_000; n++) {
      await runtime.advance(1_000)
      await settle()
    }
    assert.equal(first.a(), a)
  }
  await assert.rejects(first.waves.rollback({}), { code: 'FAILED_PRECONDITION' })
  await assert.rejects(second.waves.rollback({}), { code: 'UNAVAILABLE' })
  await released(2)
  await released(3)
  const back = await first.waves.rollback({ by: 'sori', reason: 'refunds fail' })
  assert.deepEqual([back.to, back.keys, back.by], [2, ['pay.a'], 'sori'])
  await settle()
  assert.deepEqual(values(), { p1: 2, p2: 2 })
  assert.deepEqual(acts.at(-1)!.personal, { reason: 'refunds fail' })
  assert.match(first.configuration.warnings().join(), /release 3 was rolled back/)
  await first.waves.rollback({ to: 1 })
  assert.deepEqual(values(), { p1: 1, p2: 1 })
  await assert.rejects(first.waves.rollback({ to: 9 }), /Cannot roll back to release 9/)
  // By name, and to all at once.
  const again = await first.waves.release({ by: 'sori', now: true })
  assert.equal(again.outcome, 'trying')
  await settle()
  assert.deepEqual(values(), { p1: 3, p2: 3 })
  assert.deepEqual((await outcomes(second)).at(-1), '6 released')
  assert.equal(shown((await second.member.state()).releases.at(-1)!).by, 'sori')
  // One that is tried is the one that is meant.
  live.set({ ...VALUES, 'pay.a': 4 })
  await settle()
  assert.deepEqual(values(), { p1: 3, p2: 4 })
  await first.waves.rollback({ by: 'sori' })
  assert.deepEqual(values(), { p1: 3, p2: 3 })
})

test('while one is tried the sources may change again, be wrong, or go back', async (t) => {
  const { live, runtime, begin, settle, values } = rig(t)
  const [first] = [await begin('p1', 'pay'), await begin('p2', 'pay')]
  for (const a of [2, 3]) {
    live.set({ ...VALUES, 'pay.a': a })
    await settle()
    assert.deepEqual(values(), { p1: 1, p2: a })
  }
  live.set({ ...VALUES, 'pay.a': 'x' })
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 3 })
  assert.match(first.configuration.warnings().join(), /pay\.a/)
  live.set(VALUES)
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 1 })
  live.set({ ...VALUES, 'pay.a': 4 })
  for (let n = 0; n <= LOOK / 1_000 + 1; n++) {
    await settle()
    await runtime.advance(1_000)
  }
  await settle()
  assert.deepEqual(values(), { p1: 4, p2: 4 })
  assert.deepEqual(await outcomes(first), ['1 released', '2 superseded', '3 superseded', '4 released'])
})

test('when the process that leads ends, the next one takes back what was being tried', async (t) => {
  const { live, runtime, begin, end, settle, values } = rig(t)
  const [first, second] = [await begin('p1', 'pay'), await begin('p2', 'pay')]
  await begin('p3', 'pay')
  live.set({ ...VALUES, 'pay.a': 2 })
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 1, p3: 2 })
  await end(first)
  await runtime.advance(1_000)
  await settle()
  assert.deepEqual(values(), { p2: 1, p3: 1 })
  assert.match((await outcomes(second)).at(-1)!, /2 rolled back: The process that led it has ended/)
  assert.equal((await second.waves.release({ now: true })).number, 3)
  await settle()
  assert.deepEqual(values(), { p2: 2, p3: 2 })
})

test('who does not answer while a change comes to all has it later', async (t) => {
  const { live, runtime, begin, settle, values, processes } = rig(t)
  await begin('p1', 'pay')
  const second = await begin('p2', 'ship')
  let away = false
  const { step } = second.member
  const answering = {
    ...second.member,
    step: async (...given: Parameters<typeof step>) => (away ? Promise.reject(new Error('frozen')) : step(...given)),
  }
  processes[1] = { ...second, member: answering }
  away = true
  live.set({ ...VALUES, 'pay.a': 2 })
  for (let n = 0; n <= LOOK / 1_000; n++) {
    await settle()
    await runtime.advance(1_000)
  }
  await settle()
  assert.deepEqual(values(), { p1: 2, p2: 1 })
  away = false
  await runtime.advance(1_000)
  await settle()
  assert.deepEqual(values(), { p1: 2, p2: 2 })
})

test('a release that was tried when all processes ended is tried again, and rolled back when that happens three times', async (t) => {
  const { live, runtime, begin, settle, values, processes } = rig(t)
  /** Nobody sees another go. */
  const kill = async (): Promise<void> => {
    const killed = processes.splice(0)
    await Promise.all(killed.map((one) => one.waves.stop()))
    await Promise.all(killed.map((one) => one.configuration.stop()))
  }
  await begin('p1', 'pay')
  await begin('p2', 'pay')
  live.set({ ...VALUES, 'pay.a': 2 })
  await settle()
  assert.deepEqual(values(), { p1: 1, p2: 2 })
  await kill()
  const cut = '2 superseded: All processes ended while it was tried; it is tried again'
  // It begins with what is known to be well, and goes on from there.
  const third = await begin('p3', 'pay')
  assert.deepEqual([values(), await outcomes(third)], [{ p3: 2 }, ['1 released', cut, '3 trying']])
  await begin('p4', 'pay')
  assert.deepEqual(values(), { p3: 2, p4: 1 })
  await kill()
  await begin('p4b', 'pay')
  assert.deepEqual(values(), { p4b: 2 })
  await kill()
  const fifth = await begin('p5', 'pay')
  const often = [cut, cut.replace('2', '3'), '4 rolled back: All processes ended while it was tried, 3 times']
  assert.deepEqual([values(), await outcomes(fifth)], [{ p5: 1 }, ['1 released', ...often]])
  assert.match(fifth.configuration.warnings().join(), /release 4 was rolled back/)
  await runtime.advance(3 * LOOK)
  assert.deepEqual(values(), { p5: 1 })
  // It stays so, and what is new in the sources counts at once.
  await kill()
  await begin('p6', 'pay')
  assert.deepEqual(values(), { p6: 1 })
  await kill()
  live.set({ ...VALUES, 'pay.a': 3 })
  const seventh = await begin('p7', 'pay')
  assert.deepEqual([values(), await outcomes(seventh)], [{ p7: 3 }, ['1 released', ...often, '5 released']])
  await seventh.waves.rollback({ to: 1 })
  await settle()
  assert.deepEqual(values(), { p7: 1 })
})
