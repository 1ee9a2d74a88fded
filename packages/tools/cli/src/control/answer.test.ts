import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, error } from 'dure/contract'
import fc from 'fast-check'
import { z } from 'zod'
import { callFailure } from './answer.ts'

const circle: unknown[] = []
circle.push(circle, { message: 'in a circle', path: circle })
const anything = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true }),
  fc.constantFrom<unknown>(1n, Symbol('s'), new Date(Number.NaN), circle, () => 1),
)
const issue = fc.record({
  message: fc.oneof(fc.string(), anything),
  path: fc.oneof(fc.array(anything), anything),
  more: anything,
})
const details = fc.record({
  issues: fc.oneof(fc.array(fc.oneof(issue, anything)), anything),
  suggestions: fc.oneof(fc.array(anything), anything),
})

test('a failure can be written down whatever its details hold, and keeps its code and words', () => {
  fc.assert(
    fc.property(details, (held) => {
      const written = JSON.stringify({ error: callFailure(new CallError('NOT_FOUND', 'No such order', { details: held })) })
      const { error: read } = JSON.parse(written) as { error: ReturnType<typeof callFailure> }
      assert.equal(read.code, 'NOT_FOUND')
      assert.equal(read.message, 'No such order')
      for (const { path, message } of read.issues ?? []) {
        assert.equal(typeof message, 'string')
        for (const part of path) assert.ok(part === null || typeof part === 'string' || typeof part === 'number')
      }
      for (const name of read.suggestions ?? []) assert.equal(typeof name, 'string')
    }),
  )
})

test('issues come with their words, and with their place in words', () => {
  const issues = [{ message: 'Too few', path: ['lines', 0, 7n] }, { message: 'No' }, 5, null, { path: [] }]
  const { issues: told } = callFailure(new CallError('INVALID_ARGUMENT', 'Not like this', { details: { issues } }))
  assert.deepEqual(told, [
    { message: 'Too few', path: ['lines', 0, '7n'] },
    { message: 'No', path: [] },
  ])
})

test('a declared error whose data have no JSON form is a failure in words', () => {
  const Odd = error('ODD', { data: z.object({ n: z.bigint() }), message: 'It is odd' })
  const operation = { errors: { Odd } } as never
  assert.doesNotThrow(() => JSON.stringify(callFailure(Odd({ n: 1n }), operation)))
  const unreadable = new Proxy(Odd({ n: 1n }), { get: () => assert.fail('trap') })
  assert.doesNotThrow(() => JSON.stringify(callFailure(unreadable, operation)))
})
