import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigFault } from './fault.ts'
import { resolver } from './placeholders.ts'

const resolve = (values: Readonly<Record<string, string>>) =>
  resolver((key) => (Object.hasOwn(values, key) ? values[key] : undefined))

test('placeholders are resolved one in another, with defaults, and what is none stays', () => {
  const text = resolve({ a: '1', b: '${a}2', key: 'a', 'x.a': 'inner', deep: '${x.${key}}' })
  const cases: readonly (readonly [given: string, resolved: string])[] = [
    ['${a}', '1'],
    ['${b}-${b}', '12-12'],
    ['${deep}', 'inner'],
    ['${none}', '${none}'],
    ['${none:}', ''],
    ['${none:${a}}', '1'],
    ['${none:${other:last}}', 'last'],
    ['${none:a:b}', 'a:b'],
    ['${${key}}', '1'],
    ['\\${a}', '${a}'],
    ['${a', '${a'],
    ['$a }', '$a }'],
    ['${none:{}}', '{}'],
    ['', ''],
  ]
  for (const [given, resolved] of cases) assert.equal(text(given), resolved, given)
  for (const given of ['${c}', '${none:${c}}', '${d}'])
    assert.throws(
      () => resolve({ c: '${d}', d: '${c}' })(given),
      (error) => error instanceof ConfigFault && error.status === 400,
    )
})

test('whatever is written, it ends: with a text that is not endless, or refused', () => {
  const piece = fc.constantFrom('${', '}', ':', 'a', 'b', 'c', '\\', '$', '{', '${a}', '${b:', 'x')
  const written = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), written), written, (values, given) => {
      try {
        assert.ok(resolve(values)(given).length <= 2_000_000)
      } catch (error) {
        assert.ok(error instanceof ConfigFault, String(error))
      }
    }),
  )
})
