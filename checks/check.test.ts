import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, judge } from './check.ts'

test('a check that saw no files fails, though its tool was content', () => {
  const verdict = counted({ code: 0, output: 'Finished in 1ms on 0 files with 90 rules using 2 threads.' }, /on (\d+) files/)
  const { ok, text } = judge('lint', verdict)
  assert.equal(ok, false)
  assert.match(text, /^✖ lint .*\nIt saw no files/)
})

test('a tool whose closing line says no count counts as having seen nothing', () => {
  assert.equal(judge('lint', counted({ code: 0, output: 'All good!' }, /on (\d+) files/)).ok, false)
})

test('a tool that fails fails the check, with its words', () => {
  const { ok, text } = judge('lint', counted({ code: 1, output: 'x.ts: no\nFinished on 3 files' }, /on (\d+) files/))
  assert.equal(ok, false)
  assert.match(text, /x\.ts: no/)
})

test('a check that saw files and has nothing to say passes', () => {
  assert.deepEqual(judge('lint', { seen: 3, problems: [] }), { ok: true, text: '✔ lint       3 files' })
})
