import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kept } from './kept.ts'

test('an input that waits is what it was when it was handed in', () => {
  const input = { lines: [{ at: new Date(1), n: 2n }], tags: new Set(['a']), gone: undefined }
  const before = structuredClone(input)
  const copy = kept(input)
  input.lines[0]!.at.setTime(0)
  input.lines.push({ at: new Date(2), n: 3n })
  input.tags.clear()
  assert.deepStrictEqual(copy, before)
})

test('what cannot travel is left to whoever refuses it, and a cycle ends', () => {
  const instance = { at: new URL('http://localhost/') }
  assert.equal(kept(instance), instance)
  const cycle: Record<string, unknown> = {}
  cycle['left'] = cycle['right'] = cycle
  assert.equal(kept(cycle), cycle)
  assert.equal(kept('text'), 'text')
})
