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

test('nothing about an input changes while it waits', () => {
  const input = {
    buffer: Buffer.from('ab'),
    bytes: new Uint8Array([1]),
    map: new Map([[{ key: -0 }, [undefined]]]),
    bare: Object.assign(Object.create(null) as object, { a: NaN }),
    odd: JSON.parse('{"__proto__":1}') as unknown,
  }
  const copy = kept(input) as typeof input
  assert.deepStrictEqual(copy, input)
  assert.ok(Buffer.isBuffer(copy.buffer) && !Buffer.isBuffer(copy.bytes))
  assert.notEqual(copy.buffer, input.buffer)
})

test('what cannot travel is left to whoever refuses it, and a cycle ends', () => {
  const instance = { at: new URL('http://localhost/') }
  assert.equal(kept(instance), instance)
  const cycle: Record<string, unknown> = {}
  cycle['left'] = cycle['right'] = cycle
  assert.equal(kept(cycle), cycle)
  assert.equal(kept('text'), 'text')
})
