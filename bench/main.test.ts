import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { benchNames, table } from './main.ts'

test('every benchmark is a folder with a file named like it', () => {
  const names = benchNames()
  assert.ok(names.length > 0)
  assert.ok(!names.includes('node_modules'))
})

test('a wrong or missing name is answered with the names there are', () => {
  for (const args of [[], ['no-such-bench'], ['call', 'events']]) {
    const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stderr, /^Cannot run .*: say one of .*npm run bench -- /)
  }
})

test('the table shows figures, runs and ratios', () => {
  assert.equal(
    table({ ratios: { vs_floor: 0.5 }, figures: { events_per_second: 12_345.6, runs: [1, 2] } }),
    ['  events_per_second        12,350', '  runs                       1, 2', '  vs_floor                    0.5×'].join('\n'),
  )
})
