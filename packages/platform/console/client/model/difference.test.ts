import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { difference, pretty } from './difference.ts'

test('what stays and goes is the text before, what stays and comes is the text after', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = difference(before, after)
      const only = (kinds: readonly string[]): string =>
        lines
          .filter(({ kind }) => kinds.includes(kind))
          .map((one) => one.text)
          .join('\n')
      assert.equal(only(['same', 'gone']), before)
      assert.equal(only(['same', 'added']), after)
    }),
  )
})

test('one line that changed is one that goes and one that comes', () => {
  const lines = difference(pretty('{"a":1,"b":2}'), pretty('{"a":1,"b":3}'))
  assert.deepEqual(
    lines.map(({ kind }) => kind),
    ['same', 'same', 'gone', 'added', 'same'],
  )
})
