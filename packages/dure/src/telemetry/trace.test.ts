import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualRuntime } from '../runtime/runtime.ts'
import { childTraceparent, formatTraceparent, isSampled, keepTracestate, parseTraceparent } from './internal.ts'

const hex = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((values) => values.map((value) => value.toString(16)).join(''))
    .filter((text) => !/^0+$/.test(text))

test('what is written is read back, and the flag is seen without reading', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), fc.boolean(), (traceId, spanId, sampled, random) => {
      const context = { traceId, spanId, sampled, ...(random && { random }) }
      const text = formatTraceparent(context)
      assert.deepEqual(parseTraceparent(text), context)
      assert.equal(isSampled(text), sampled)
    }),
  )
})

test('only the lowest bit of the flags says sampled, whatever the others are', () => {
  for (let flags = 0; flags < 256; flags++) {
    const text = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags.toString(16).padStart(2, '0')}`
    assert.equal(isSampled(text), (flags & 1) === 1, text)
    assert.equal(parseTraceparent(text)!.sampled, (flags & 1) === 1, text)
  }
})

test('a child keeps what is known of the trace: its id, and whether that is random; reserved flags go no further', () => {
  const { ids } = virtualRuntime()
  const flagsOf = (traceparent: string): number => Number.parseInt(traceparent.slice(-2), 16)
  for (const version of ['00', '01', 'cc'])
    for (let flags = 0; flags < 256; flags++) {
      const parent = `${version}-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags.toString(16).padStart(2, '0')}`
      for (const sampled of [false, true]) {
        const child = childTraceparent(parent, sampled, ids)
        assert.match(child, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-0[0-3]$/)
        assert.equal(flagsOf(child), (flags & 2) | (sampled ? 1 : 0), parent)
      }
    }
  assert.equal(flagsOf(childTraceparent(undefined, true, ids)), 3)
})

test('later versions may say more; malformed ones are none', () => {
  const good = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  assert.ok(parseTraceparent(`cc-${good}-what-comes-later`))
  for (const bad of [
    '',
    good,
    `ff-${good}`,
    `00-${good}-more`,
    `00-${good.toUpperCase()}`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `cc-${good}-${'x'.repeat(300)}`,
    `00-${good.slice(0, -1)}`,
  ]) {
    assert.equal(parseTraceparent(bad), undefined, bad)
  }
})

test('a child is in its parent’s trace with an id of its own; without a parent a trace begins', () => {
  const { ids } = virtualRuntime()
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const child = parseTraceparent(childTraceparent(parent, true, ids))!
  assert.equal(child.traceId, '0af7651916cd43dd8448eb211c80319c')
  assert.notEqual(child.spanId, 'b7ad6b7169203331')
  for (const none of [undefined, 'nonsense']) {
    const root = parseTraceparent(childTraceparent(none, false, ids))!
    assert.equal(root.sampled, false)
    assert.notEqual(root.traceId, child.traceId)
  }
})

test('tracestate is kept as it came when it is one', () => {
  for (const good of ['rojo=00f067aa0ba902b7', 'a=1, b@c=2', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE']) {
    assert.equal(keepTracestate(good), good)
  }
  for (const bad of [
    '',
    ' , ',
    'NO=1',
    'a',
    `a=${'x'.repeat(600)}`,
    'a=\u0007',
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(','),
  ]) {
    assert.equal(keepTracestate(bad), undefined, bad)
  }
})
