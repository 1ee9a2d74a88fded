import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { table } from './table.ts'
import { harmless } from './spantext.ts'
import { padTo, shorten, shortenMiddle, split, textWidth } from './width.ts'

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
      assert.ok(textWidth(shortenMiddle(text, width)) <= width)
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

test('shortened in the middle, a name keeps how it begins and how it ends', () => {
  assert.equal(shortenMiddle('desk/order.placed', 11), 'desk/…laced')
  assert.equal(shortenMiddle('주문-17-서울', 8), '주문…울')
  assert.equal(shortenMiddle('desk', 4), 'desk')
})

test('what controls a terminal or hides is replaced; pictures made of several stay whole', () => {
  assert.equal(harmless('👩‍👩‍👧 👩🏽‍💻 ❤️‍🔥'), '👩‍👩‍👧 👩🏽‍💻 ❤️‍🔥')
  assert.equal(harmless('a\u200Db\u202Ec\u001B[31m'), 'a?b?c?[31m')
})
