import assert from 'node:assert/strict'
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { describeReport, explore, loadSimulation, simulate, type CheckWorld, type Report } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

const SYSTEM = `
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
const Nothing = contract('nothing', { version: '1.0.0', owner: 'tests', operations: { rest: command({}) } })
const plain = (migrations) => system('plain', { services: [
  service(Nothing, { database: database({ migrations }), handlers: { rest() {} } }),
] })
const load = { duration: 2_000, clients: 1, step: async () => {} }
`

/** A file with a system and a simulation. */
function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-explore-'))
  symlinkSync(join(import.meta.dirname, '../../../../../node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'system.ts')
  writeFileSync(path, SYSTEM + text)
  return path
}

test('what fails in a thread ends all of them and says why', { timeout: 60_000 }, async () => {
  const cannotStart = file('export default plain({ 1: "CREATE TABEL x" })\nexport const simulation = { load, invariants: {} }\n')
  await assert.rejects(explore({ file: cannotStart, seeds: 4, threads: 2 }), {
    message: /^Migrating the store of service "nothing" failed in "1": near "TABEL": syntax error/,
  })
  const throwing = file(
    'export default () => { throw new Error("no system today") }\nexport const simulation = { load, invariants: {} }\n',
  )
  await assert.rejects(explore({ file: throwing, seeds: 2, threads: 1 }), { message: /^no system today\n +at .*system\.ts:\d+/ })
})

test('a seed that never lets go of its thread is named, and ended', { timeout: 60_000 }, async () => {
  const path = file(
    'export default plain({})\nexport const simulation = { load: { ...load, step: () => { for (;;); } }, invariants: {} }\n',
  )
  await assert.rejects(explore({ file: path, seeds: 1, from: 7, timeout: 1 }), { message: /^Seed 7 has not ended after/ })
})

test('the first seed is run twice, however few there are', { timeout: 60_000 }, async () => {
  const path = file('export default plain({})\nexport const simulation = { load, invariants: {} }\n')
  assert.equal((await explore({ file: path, seeds: 2, from: 3, threads: 1 })).verified, 1)
  assert.equal((await explore({ file: path, seeds: 1, from: 3, threads: 1, verify: 0 })).verified, 0)
})

test('a simulation that would test nothing is refused', async () => {
  const sound = shopping()
  const { load, invariants, system } = typeof sound === 'function' ? sound() : sound
  for (const [changed, words] of [
    [{ load: { ...load, duration: -5 } }, /load\.duration is -5/],
    [{ load: { ...load, pause: 0 } }, /load\.pause is 0/],
    [{ load: { ...load, clients: 'two' } }, /load\.clients is "two"/],
    [{ load: { ...load, clients: 0 } }, /load\.clients is 0/],
    [{ invariants: { ...invariants, 'all is well': true } }, /invariant "all is well" is true; give a function/],
    [{ faults: ['moonlight'] }, /there is no fault "moonlight"; there are "crash"/],
    [{ placements: ['apart'] }, /there is no placement "apart"/],
  ] as const) {
    const simulation = { load, invariants, system, ...changed } as never
    await assert.rejects(
      simulate({ simulation, seed: 1 }),
      (error: Error) => error instanceof TypeError && words.test(error.message),
    )
  }
  const nobody = file('export default plain({})\nexport const simulation = { load: { ...load, clients: 0 }, invariants: {} }\n')
  await assert.rejects(loadSimulation(pathToFileURL(nobody).href), { name: 'TypeError', message: /load\.clients is 0/ })
})

test('seeds that do not exist are refused', async () => {
  for (const [from, seeds] of [
    [0xffffffff, 2],
    [-1, 1],
    [1, 0],
    [1, 1.5],
  ] as const)
    await assert.rejects(explore({ simulation: shopping(), from, seeds }), {
      name: 'RangeError',
      message: /from 0 to 4294967295/,
    })
})

test('what an invariant throws is shown, whatever it is', async () => {
  const sound = shopping()
  const { load, system } = typeof sound === 'function' ? sound() : sound
  const simulation = {
    ...{ load: { ...load, duration: 1 }, system: system! },
    invariants: { fine: () => Promise.reject(Object.assign(Object.create(null), { left: 3 })) },
  }
  const outcome = await simulate({ simulation, seed: 1, faults: [] })
  assert.ok(outcome.kind === 'violated')
  assert.match(outcome.message, /left: 3/)
  const slip = { ...simulation, invariants: { fine: ({ rows }: CheckWorld) => void rows('ordres', 'SELECT 1') } }
  const slipped = await simulate({ simulation: slip, seed: 1, faults: [] })
  assert.ok(slipped.kind === 'violated')
  assert.match(slipped.message, /^Cannot read rows of service "ordres": it has no database/)
})

test('a report fits its width, and counts columns, not letters', () => {
  const seen = { seeds: 3, times: 12 }
  const report: Report = {
    ...{ seeds: 3, held: 3, failed: 0, failures: [], verified: 1, steps: 0, refused: 0, virtual: 1, processor: 1, elapsed: 1 },
    sometimes: { 한글: seen, 'a thing that takes many words to be named and told of': seen, 'fault: crash': seen },
    never: ['a thing that would have taken even more words to be named, had it been seen at all'],
  }
  const lines = describeReport(report, { columns: 60 }).split('\n')
  assert.deepEqual(lines.slice(3), [
    'No user made a step, so nothing was put to the test: look at "duration", "pause" and "clients"',
    '',
    'Faults                                          seeds  times',
    'crash                                               3     12',
    '',
    'Seen',
    '한글                                                3     12',
    'a thing that takes many words to be named and       3     12',
    'told of',
    '',
    'Never seen',
    '  a thing that would have taken even more words to be named,',
    '  had it been seen at all',
  ])
})
