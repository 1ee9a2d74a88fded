import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hang, padTo, shorten, shortenMiddle, table, textWidth } from './text.ts'

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
    }),
  )
})

test('columns of a table stand under one another', () => {
  const rows = [
    ['주문-17', 'x', '5'],
    ['order', 'y', '100'],
  ]
  assert.deepEqual(table(rows, { columns: 80, right: [2] }), ['주문-17  x    5', 'order    y  100'])
  assert.deepEqual(table(rows, { columns: Infinity, indent: '  ' }), ['  주문-17  x  5', '  order    y  100'])
  assert.deepEqual(table([], { columns: 80 }), [])
})

test('where there is no room, the widest cells are wrapped, or those shortened that may be', () => {
  const rows = [['두레 두레 두레 두레 두레', '가나다라마바사아자차카타파하']]
  for (const line of table(rows, { columns: 30 }).join('\n').split('\n')) assert.ok(textWidth(line) <= 30, line)
  assert.deepEqual(table([['team-주문/order.placed', '7']], { columns: 16, shorten: [0], right: [1] }), ['team-…placed   7'])
})

test('cells are folded between their words, as long as there is a column that can give without breaking one', () => {
  const rows = [['settlement.calculate-and-report', 'one two three four five six seven eight']]
  const text = table(rows, { columns: 50 }).join('\n')
  for (const word of rows[0]!.flatMap((cell) => cell.split(' '))) assert.ok(text.includes(word), `${word} is broken in:\n${text}`)
  for (const line of text.split('\n')) assert.ok(textWidth(line) <= 50, line)
})

test('what does not fit behind its head goes on under where it began', () => {
  assert.equal(hang('head  ', 'one two three four five six seven', 34), 'head  one two three four five six\n      seven')
})

test('shortened in the middle, a name keeps how it begins and how it ends', () => {
  assert.equal(shortenMiddle('desk/order.placed', 11), 'desk/…laced')
  assert.equal(shortenMiddle('주문-17-서울', 8), '주문…울')
  assert.equal(shortenMiddle('desk', 4), 'desk')
})
