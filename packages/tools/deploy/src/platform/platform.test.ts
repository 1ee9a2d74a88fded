import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { database } from 'dure/data'
import { contract } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { temporary } from '../project.test-support.ts'
import { describeRelease, type Release } from '../release.ts'
import { memoryTarget } from '../memory.test-support.ts'
import { releaseOf } from '../releases.test-support.ts'
import type { Target } from '../target/target.ts'
import { killedEverywhere } from './killed.test-support.ts'
import { openPlatform, type EnvironmentOptions, type Platform } from './platform.ts'

function opened(t: TestContext, target: Target, more: Partial<EnvironmentOptions> = {}): Platform {
  const platform = openPlatform({ name: 'production', directory: temporary(t), target, watch: 30, readiness: 200, ...more })
  t.after(() => {
    try {
      platform.close()
    } catch {
      // It is closed already.
    }
  })
  return platform
}
const shown = async (target: Target): Promise<unknown> =>
  (await target.list()).map(({ release, copies, share }) => `${release.version} ${copies} ${share}`)

test('a release takes the calls step by step, the one before ends, and each step is written down', async (t) => {
  const rig = memoryTarget()
  const platform = opened(t, rig.target, { copies: 2 })
  const said: string[] = []
  assert.deepEqual(await platform.deploy(releaseOf('1'), { by: 'ana' }), { outcome: 'done', reasons: [] })
  const { lost, value } = await rig.during(() =>
    platform.deploy(releaseOf('2'), { by: 'bo', onStep: ({ name, phase }) => said.push(`${name} ${phase}`) }),
  )
  assert.deepEqual([lost, value], [0, { outcome: 'done', reasons: [] }])
  assert.deepEqual(await shown(rig.target), ['1 0 0', '2 2 100'])
  assert.deepEqual(said, [
    'check done',
    ...['start', 'ready', 'shift 5', 'shift 25', 'shift 100', 'end the others'].flatMap((name) => [
      `${name} begun`,
      `${name} done`,
    ]),
  ])
  const [last, first] = platform.rollouts()
  assert.deepEqual([last!.state, last!.by, last!.steps.length, first!.by], ['done', 'bo', said.length, 'ana'])
  assert.match(last!.steps.find(({ name, phase }) => name === 'shift 25' && phase === 'done')!.note, /^\d+ calls, 0\.0 % failed/)
  // Asked twice, nothing is done twice.
  await platform.deploy(releaseOf('2'))
  assert.equal(platform.rollouts().length, 2)
  assert.equal((await platform.rollBack({ by: 'ana' })).version, '1')
  assert.deepEqual(await shown(rig.target), ['1 2 100', '2 0 0'])
  await platform.scale(3)
  assert.deepEqual(await shown(rig.target), ['1 3 100', '2 0 0'])
})

for (const [kind, why] of [
  ['never-2', /is not ready after 200 ms: it answers 503/],
  ['crash-2', /has ended: it crashed/],
  ['fails-2', /% of its calls fail/],
  ['slow-2', /its p99 is \d+/],
] as const)
  test(`a release that is ${kind.slice(0, -2)} goes back by itself`, async (t) => {
    const rig = memoryTarget()
    const platform = opened(t, rig.target, { watch: 2_000 })
    await platform.deploy(releaseOf('1'))
    const { lost, value } = await rig.during(() => platform.deploy(releaseOf(kind)))
    assert.equal(value.outcome, 'rolled back')
    assert.match(value.reasons[0]!, why)
    if (!kind.startsWith('fails')) assert.equal(lost, 0)
    assert.deepEqual(await shown(rig.target), ['1 1 100', `${kind} 0 0`])
    const [last] = platform.rollouts()
    assert.deepEqual([last!.state, last!.steps.at(-1)!.name, last!.steps.at(-1)!.phase], ['rolled back', 'roll back', 'done'])
  })

test('a deployer that is killed before, in or after any step is carried on by the next one, or taken back', async (t) => {
  const nexts = ['the same', 'another', 'roll back'] as const
  assert.ok((await killedEverywhere(t, (point) => [nexts[point % 3]!])) > 20)
})

test('two deployers at once: the second is told who works, and changes nothing', async (t) => {
  const rig = memoryTarget()
  const directory = temporary(t)
  const [one, other] = [opened(t, rig.target, { directory, watch: 100 }), opened(t, rig.target, { directory })]
  await one.deploy(releaseOf('1'))
  const working = one.deploy(releaseOf('2'))
  const refused = { code: 'ROLLOUT', message: new RegExp(`process ${process.pid} does so now`) }
  await assert.rejects(other.deploy(releaseOf('3')), refused)
  await assert.rejects(other.rollBack(), refused)
  await assert.rejects(other.scale(2), refused)
  assert.equal((await working).outcome, 'done')
  assert.deepEqual(await shown(rig.target), ['1 0 0', '2 1 100'])
  assert.equal((await other.rollBack()).version, '1')
})

const Notes = contract('notes', { version: '1.0.0', owner: 'team-notes', operations: {} })
function notes(version: string, migrations: Record<string, string>): Release {
  const made = service(Notes, {
    database: database({ migrations }),
    config: z.object({ limit: z.int(), name: z.string().default('a') }),
    handlers: {},
  })
  const { alone: _, ...release } = describeRelease(system('desk', { services: [made] }), {
    version,
    image: { digest: `sha256:${version.repeat(64)}` },
  })
  return release
}

test('what speaks against a release is told before anything is started', async (t) => {
  const rig = memoryTarget()
  const settings = { DESK_NOTES__LIMIT: '3' }
  const first = notes('1', { '001': 'CREATE TABLE notes (id TEXT)' })
  const missing = opened(t, rig.target, { prefix: 'DESK_', secrets: { PASSWORD: undefined } })
  const told = await missing.deploy(first)
  assert.equal(told.outcome, 'refused')
  assert.deepEqual(told.reasons, [
    'the secret "PASSWORD" is not there; give it to the deployer',
    'the setting "limit" of "notes" is not there; set DESK_NOTES__LIMIT',
  ])
  assert.deepEqual(await shown(rig.target), [])
  assert.equal(missing.rollouts()[0]!.state, 'refused')
  const platform = opened(t, rig.target, { prefix: 'DESK_', settings, secrets: { PASSWORD: 'opens' } })
  assert.equal((await platform.deploy(first)).outcome, 'done')
  const taken = await platform.deploy(notes('2', { '001': 'CREATE TABLE notes (id TEXT)', '002': 'DROP TABLE notes' }))
  assert.deepEqual([taken.outcome, taken.reasons.length], ['refused', 1])
  assert.match(taken.reasons[0]!, /"notes": migration "002" takes away/)
  assert.equal(
    (await platform.deploy(notes('3', { '001': 'CREATE TABLE notes (id TEXT)', '002': 'ALTER TABLE notes ADD COLUMN at TEXT' })))
      .outcome,
    'done',
  )
  assert.equal(
    await opened(t, rig.target, { facts: '/nowhere' })
      .deploy(first)
      .catch((error: Error) => error.name),
    'PactError',
  )
})

test('a service on SQLite has one copy, and no second release beside it', async (t) => {
  const rig = memoryTarget()
  const alone = { notes: 'the store of "notes" is exclusive' }
  const platform = opened(t, rig.target)
  assert.equal((await platform.deploy({ ...releaseOf('1'), alone })).outcome, 'done')
  const { outcome, reasons } = await platform.deploy({ ...releaseOf('2'), alone })
  assert.equal(outcome, 'refused')
  assert.match(reasons[0]!, /cannot run beside 1, as the store of "notes" is exclusive; keep the data of "notes" in PostgreSQL/)
  await assert.rejects(platform.scale(2), { code: 'ROLLOUT', message: /use|keep its data in PostgreSQL/ })
})

test('the number of copies follows the load, and not while a rollout is unfinished', async (t) => {
  const rig = memoryTarget()
  const platform = opened(t, rig.target)
  await platform.deploy(releaseOf('1'))
  let inHand = 50
  const changes: unknown[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const scaling = platform.autoscale({
    ...{ least: 1, most: 4, inHand: 10, every: 5, settle: 50 },
    sample: async () => ({ inHand }),
    onChange: (told) => {
      changes.push(told)
      if ('to' in told && told.to === 4) inHand = 0
      if ('to' in told && told.to === 1) resolve()
    },
  })
  await promise
  await scaling.stop()
  assert.deepEqual(changes, [
    { from: 1, to: 2 },
    { from: 2, to: 4 },
    { from: 4, to: 1 },
  ])
  assert.deepEqual(await shown(rig.target), ['1 1 100'])
})
