import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runEdge } from './edge.ts'
import { tableOf, verdictsOf } from './verdicts.ts'
import type { EdgeResult } from './edge.ts'
import type { Outcomes, Seen } from './load.ts'

test('two copies under load: killed, frozen, and asked for three times as much', { timeout: 240_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-edge-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const said: string[] = []
  const deadline = 2_000
  const result = await runEdge({
    ...{ directory, deadline, kills: 1, freeze: 2.5, seconds: 3, seed: 1 },
    work: { places: 8, ms: 200 },
    say: (line) => void said.push(line),
  })
  const { kills, frozen, overload } = result
  const table = tableOf(verdictsOf(result, deadline)).join('\n')
  assert.equal(kills.seen.all.failed, 0, table)
  assert.ok(frozen.ejected !== undefined && frozen.readmitted !== undefined, table)
  for (const { late } of [kills.seen, frozen.seen, overload.seen]) assert.ok(late < 1_000, table)
  // What it comes to in numbers is said by a run of its own; beside other tests it is the order that must hold.
  const { high, normal, low } = overload.seen.of
  assert.ok(high.answered / high.calls > normal.answered / normal.calls, table)
  assert.ok(normal.answered / normal.calls > low.answered / low.calls, table)
  assert.ok(overload.goodput > overload.measured / 2, table)
})

test('a table says what was wanted and seen, and what is not so', () => {
  const tally = (calls: number, answered: number): Outcomes => ({ calls, answered, shed: calls - answered, failed: 0 })
  const seen = (all: Outcomes): Seen => ({ of: { high: all, normal: all, low: all }, all, ms: 1, late: 0, longest: 5, why: {} })
  const good = seen(tally(100, 100))
  const of = { high: tally(100, 100), normal: tally(100, 50), low: tally(100, 10) }
  const overload = { seen: { ...good, of }, capacity: 100, measured: 100, offered: 300, goodput: 91 }
  const fine: EdgeResult = { kills: { seen: good, back: [1] }, frozen: { seen: good, ejected: 1, readmitted: 2 }, overload }
  const wrong = (result: EdgeResult): readonly string[] =>
    verdictsOf(result, 1_000).flatMap(({ check, ok }) => (ok ? [] : [check.trim()]))
  assert.deepEqual(wrong(fine), [])
  assert.match(tableOf(verdictsOf(fine, 1_000))[6]!, /^three times the capacity +90 % of 100\/s +91\/s, 91 % +ok$/)
  const failed = { ...good, all: { ...good.all, failed: 1 }, why: { UNAVAILABLE: 1 } }
  assert.deepEqual(wrong({ ...fine, kills: { seen: failed, back: [1] } }), ['kill -9 of a copy, 1 times'])
  assert.deepEqual(wrong({ ...fine, frozen: { seen: { ...good, late: 300 }, ejected: undefined, readmitted: undefined } }), [
    'SIGSTOP of a copy',
    'its callers',
    'SIGCONT',
  ])
  const flat = { high: tally(100, 90), normal: tally(100, 90), low: tally(100, 90) }
  assert.deepEqual(wrong({ ...fine, overload: { ...overload, goodput: 89, seen: { ...good, of: flat } } }), [
    'three times the capacity',
    'who buys',
    'others',
  ])
})
