import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../contract/contract.ts'
import type { PolicyKind } from './guard.ts'
import { outcome, world } from './kit.test-support.ts'
import {
  breaker,
  bulkhead,
  cache,
  collapse,
  compose,
  fallback,
  hedge,
  limit,
  rateLimit,
  retry,
  timeout,
  type Guard,
} from './resilience.ts'

const ORDER: readonly PolicyKind[] = [
  'fallback',
  'cache',
  'collapse',
  'timeout',
  'retry',
  'hedge',
  'breaker',
  'rateLimit',
  'timeout',
  'limit',
  'bulkhead',
]
const made: Readonly<Record<PolicyKind, () => Guard>> = {
  fallback: () => fallback(() => 'instead'),
  cache: () => cache({ world: time }),
  collapse: () => collapse(),
  timeout: () => timeout({ ms: 1_000, world: time }),
  retry: () => retry({ attempts: 2, backoff: { first: 0, max: 0 }, world: time }),
  hedge: () => hedge({ after: 100, world: time }),
  breaker: () => breaker({ world: time }),
  rateLimit: () => rateLimit({ rate: 1_000, world: time }),
  limit: () => limit({ world: time }),
  bulkhead: () => bulkhead({ concurrency: 10, world: time }),
}
const time = world()
const composed = (kinds: readonly PolicyKind[]): Guard => compose(...kinds.map((kind) => made[kind]()))

test('any part of the order can be used, and gives what the function gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(ORDER.map((kind, at) => ({ kind, at }))), async (some) => {
      const kinds = some.map(({ kind }) => kind)
      // A timeout of all tries alone would hide from the breaker what takes too long.
      fc.pre(!(kinds.includes('breaker') && kinds.includes('timeout') && kinds.lastIndexOf('timeout') < kinds.indexOf('breaker')))
      const guard = composed(kinds)
      assert.equal(await guard.run(async () => 'well', { key: 'k' }), 'well')
      const error = new CallError('NOT_FOUND', 'It is not there')
      assert.equal(await outcome(guard.run(() => Promise.reject(error), { key: 'k' })), error)
    }),
  )
})

test('an order that makes no sense is refused with a sentence that says which one and why; no other is', () => {
  const single = ORDER.filter((kind) => kind !== 'timeout')
  fc.assert(
    fc.property(fc.shuffledSubarray([...single]), (kinds) => {
      const right = single.filter((kind) => kinds.includes(kind))
      // Whether a limit or a bulkhead stands first is all the same.
      const same = (list: readonly PolicyKind[]): string => list.join().replace('bulkhead,limit', 'limit,bulkhead')
      if (same(kinds) === same(right)) return void composed(kinds)
      assert.throws(() => composed(kinds), /^TypeError: Cannot put \w+ inside of \w+: .+; give \w+ before \w+$/)
    }),
  )
})

test('the sentences', () => {
  const sentences: readonly (readonly [PolicyKind[], RegExp])[] = [
    [['breaker', 'retry'], /^Cannot put retry inside of breaker: breaker has to see every try, .*; give retry before breaker$/],
    [['retry', 'fallback'], /would never hear of what retry refuses or gives up; give fallback before retry/],
    [['timeout', 'breaker'], /^Cannot put breaker inside of timeout alone: it would never hear of calls that end at their time/],
    [
      ['bulkhead', 'timeout'],
      /the place at bulkhead would be free at the end of the time, while the function may still be at work/,
    ],
    [['breaker', 'breaker'], /^Cannot use breaker twice/],
    [['timeout', 'timeout', 'timeout'], /^Cannot use timeout more than twice/],
    [['rateLimit', 'breaker'], /rateLimit would spend a place on calls that an open breaker does not make/],
  ]
  for (const [kinds, words] of sentences) assert.throws(() => composed(kinds), { name: 'TypeError', message: words })
  assert.doesNotThrow(() => composed(['timeout', 'retry', 'breaker', 'timeout']))
  assert.equal(compose().parts.length, 0)
  assert.throws(() => compose(retry(), breaker({ world: time })), /Cannot compose policies of several worlds/)
})

test('the breaker sees every try, and an open one ends the tries', async () => {
  const circuit = breaker({ window: { calls: 10 }, minimumCalls: 2, world: time })
  const guard = compose(retry({ attempts: 10, backoff: { first: 0, max: 0 }, world: time }), circuit)
  let calls = 0
  const failing = (): Promise<never> => {
    calls++
    return Promise.reject(new Error('ill'))
  }
  const ended = outcome(guard.run(failing))
  await time.advance(10)
  assert.match(((await ended) as Error).message, /its breaker is open/)
  assert.equal(calls, 2)
})
