import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare, comparison } from './against.ts'
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

test('two trees are compared by the medians of what both have measured, with the spread of the rounds', () => {
  const rounds = [
    [
      { us: 10, gone: 1 },
      { us: 5, new: 1 },
    ],
    [{ us: 30 }, { us: 10 }],
    [{ us: 20 }, { us: 8 }],
  ] as const
  const compared = compare(rounds)
  assert.deepEqual(compared, { us: { before: 20, now: 8, ratio: 0.4, spread: [1 / 3, 0.5] } })
  assert.equal(
    comparison(compared),
    ['      before  now  ratio     of rounds', '  us      20    8  0.40×  0.33 to 0.50'].join('\n'),
  )
})

test('what cannot be compared is refused', () => {
  const compared = (...words: readonly string[]): string =>
    spawnSync(process.execPath, ['--conditions=dure-source', join(import.meta.dirname, 'main.ts'), 'door', ...words], {
      encoding: 'utf8',
    }).stderr
  assert.match(compared('--against', 'no-such-commit'), /^Cannot compare with "no-such-commit": it is no commit/)
  assert.match(compared('--against', 'HEAD', '--rounds', 'few'), /^Cannot compare in "few" rounds/)
})
