import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { SagaHistory, ShownInstance } from 'dure/saga/internal'
import { oven } from './bakery.system.test-support.ts'
import { dure, startHere, temporary } from './shell.test-support.ts'

const data = temporary()
let running: Awaited<ReturnType<typeof startHere>>

before(async () => {
  running = await startHere('bakery.system.test-support.ts', '--data', data)
})
after(() => running.stop())

const saga = (...args: string[]): ReturnType<typeof dure> => dure(['saga', ...args, '--data', data], { columns: 200 })
const done = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await saga(...args)
  assert.equal(code, 0, err)
  return out
}
const order = async (bread: string): Promise<void> => {
  const { code, err } = await dure(['call', 'bakery.order', JSON.stringify({ bread }), '--data', data])
  assert.equal(code, 0, err)
}
const state = async (id: string): Promise<string> => (JSON.parse(await done('show', id, '--json')) as ShownInstance).state
const until = async (met: () => Promise<boolean>): Promise<void> => {
  while (!(await met()));
}

test('a paused saga is listed and shown with its reason, resumed, signalled, exported and replayed', async () => {
  for (const bread of ['rye', 'wheat', 'oat']) {
    await order(bread)
    await until(async () => (await state(bread)) === 'paused')
  }
  const list = await done('list', '--state', 'paused')
  assert.match(
    list,
    /^ID +SAGA +STATE +BEGAN\noat +bakery\/bake +paused +\d+ s ago +Step "oven" failed 2 times; the last error was: Error: the oven/,
  )
  assert.equal((JSON.parse(await done('list', '--saga', 'bake', '--json')) as ShownInstance[]).length, 3)
  const shown = await done('show', 'rye')
  assert.match(shown, /^rye of bake \(version 1\): paused, began \d+ s ago\nReason: Step "oven" failed 2 times/)
  assert.match(shown, /1 +knead +rows +done +0 [^\n]+\n *2 +oven +step +begun +2 [^\n]+Error: the oven is cold\n/)
  assert.match(shown, /To do: Mend what its reason says, then "dure saga resume rye"/)

  oven.broken = false
  assert.match(await done('resume', 'rye', '--reason', 'it is warm', '--by', 'ann'), /"rye" goes on; see "dure saga show rye"/)
  await until(async () => (await done('show', 'rye')).includes('signal  waiting'))
  assert.match(await done('show', 'rye'), /To do: It waits for the signal "eat": dure saga signal rye eat/)
  assert.match(await done('list'), /rye +bakery\/bake +running +\d+ s ago +waits for eat\n/)
  const bad = await saga('signal', 'rye', 'eat', '{}', '--reason', 'hungry')
  assert.match(bad.err, /Sending signal "eat" to saga "bake" with id "rye" failed: at "by"/)
  await done('signal', 'rye', 'eat', '{"by":"bob"}', '--reason', 'hungry', '--by', 'bob')
  await until(async () => (await state('rye')) === 'completed')
  assert.match(await done('show', 'rye'), /resume by ann: it is warm\n[^\n]+signal by bob: hungry\n/)

  const file = join(data, 'rye.json')
  writeFileSync(file, await done('export', 'rye'))
  const system = ['--system', 'bakery.system.test-support.ts']
  assert.deepEqual(await dure(['saga', 'replay', ...system, file]), { code: 0, out: `${file}: fits\n`, err: '' })
  const history = JSON.parse(readFileSync(file, 'utf8')) as SagaHistory
  assert.equal(history.output, 'bob')
  const edited = { ...history, steps: history.steps.map((step) => ({ ...step, name: step.name.replace('oven', 'stove') })) }
  writeFileSync(file, JSON.stringify(edited))
  const { code, out } = await dure(['saga', 'replay', ...system, file])
  assert.equal(code, 1)
  assert.match(out, /does not fit\. At place 2 its history has the step "stove", and its code the step "oven"/)
})

test('a step is skipped with what it came to, and what one did is undone', async () => {
  await done('skip', 'wheat', '--result', '"bought"', '--reason', 'from the shop')
  await until(async () => (await done('show', 'wheat')).includes('signal  waiting'))
  await done('compensate', 'wheat', '--reason', 'nobody wants it')
  await until(async () => (await state('wheat')) === 'compensated')
  assert.match(await done('show', 'wheat'), /knead +rows +undone/)
  const ended = await saga('resume', 'wheat', '--reason', 'x')
  assert.equal(ended.code, 1)
  assert.match(ended.err, /Cannot resume saga instance "wheat" of "bake": it is compensated, and must be paused/)
  assert.match((await saga('show', 'spelt')).err, /Cannot find saga instance "spelt"/)
  assert.equal((await saga('skip', 'oat', '--result', '{', '--reason', 'x')).code, 2)
})
