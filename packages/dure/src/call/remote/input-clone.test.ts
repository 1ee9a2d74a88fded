import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clone } from './input-clone.ts'

test('an input that waits is what it was when it was handed in', () => {
  const input = { lines: [{ at: new Date(1), n: 2n }], tags: new Set(['a']), gone: undefined }
  const before = structuredClone(input)
  const copy = clone(input)
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
  const copy = clone(input) as typeof input
  assert.deepStrictEqual(copy, input)
  assert.ok(Buffer.isBuffer(copy.buffer) && !Buffer.isBuffer(copy.bytes))
  assert.notEqual(copy.buffer, input.buffer)
})

test('what cannot travel stays in its place for whoever refuses it, and cycles stay cycles', () => {
  const url = new URL('http://localhost/')
  const input = { list: [url, () => 1], when: new Date(NaN) }
  const copy = clone(input) as typeof input
  input.list.length = 0
  assert.equal(copy.list[0], url)
  assert.equal(copy.list.length, 2)
  assert.ok(Number.isNaN(copy.when.getTime()))
  assert.equal(clone(url), url)
  const cycle: Record<string, unknown> = {}
  cycle['left'] = cycle['right'] = cycle
  const other = clone(cycle) as typeof cycle
  assert.ok(other !== cycle && other['left'] === other && other['right'] === other)
  assert.equal(clone('text'), 'text')
})
