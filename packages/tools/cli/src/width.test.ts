import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { table } from './table.ts'
import { padTo, shorten, split, textWidth } from './width.ts'

test('wide characters take two columns, marks none', () => {
  const cases: readonly (readonly [text: string, width: number])[] = [
    ['', 0],
    ['order', 5],
    ['주문', 4],
    ['注文a', 5],
    ['é', 1],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['…', 1],
    ['ＡＢ', 4],
  ]
  for (const [text, width] of cases) assert.equal(textWidth(text), width, text)
})

test('shortened and padded texts fit, whatever is in them', () => {
  const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('주문-17', '두레 두레 두레', '👍👍👍', 'plain'))
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, width) => {
      assert.ok(textWidth(shorten(text, width)) <= width)
      if (textWidth(text) <= width) assert.equal(shorten(text, width), text)
      assert.ok(textWidth(padTo(text, width)) >= width)
      const [head, rest] = split(text, width)
      assert.equal(head + rest, text)
      if (text !== '') assert.notEqual(head, '')
    }),
  )
})

test('columns of a table stand under one another', () => {
  const lines = table(
    [
      ['주문-17', 'x'],
      ['order', 'y'],
    ],
    { width: 80 },
  ).split('\n')
  assert.deepEqual(lines, ['주문-17  x', 'order    y'])
  for (const line of table([['두레 두레 두레 두레 두레', '가나다라마바사아자차카타파하']], { width: 30 }).split('\n'))
    assert.ok(textWidth(line) <= 30, line)
})
