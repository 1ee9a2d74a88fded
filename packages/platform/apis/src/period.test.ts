import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isZone, periodsOf } from './period.ts'

const at = (text: string): number => Date.parse(text)

test('a day and a month are those of their zone, also where clocks are changed', () => {
  const seoul = periodsOf('day', 'Asia/Seoul')
  assert.deepEqual(seoul(at('2026-11-30T14:59:59.999Z')), {
    ...{ key: '2026-11-30', ends: at('2026-11-30T15:00:00Z'), from: at('2026-11-30T14:59:59.999Z') },
  })
  assert.equal(seoul(at('2026-11-30T15:00:00Z')).key, '2026-12-01')
  // A day of 25 hours, one of 23, and a clock that goes back over midnight.
  const york = periodsOf('day', 'America/New_York')
  assert.equal(york(at('2026-11-01T12:00:00Z')).ends, at('2026-11-02T05:00:00Z'))
  assert.equal(york(at('2026-03-08T12:00:00Z')).ends, at('2026-03-09T04:00:00Z'))
  assert.equal(york(at('2026-03-07T12:00:00Z')).key, '2026-03-07')
  assert.equal(periodsOf('month', 'UTC')(at('2026-02-10T00:00:00Z')).ends, at('2026-03-01T00:00:00Z'))
  assert.deepEqual([isZone('Asia/Seoul'), isZone(''), isZone('Mars/Base')], [true, false, false])
})

test('a period has its moment in it, and the next one begins where it ends', () => {
  const zone = fc.constantFrom('UTC', 'Asia/Seoul', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu')
  fc.assert(
    fc.property(fc.constantFrom('day', 'month'), zone, fc.integer({ min: 0, max: 4_000_000_000_000 }), (kind, where, now) => {
      const periods = periodsOf(kind, where)
      const { key, ends } = periods(now)
      assert.ok(ends > now)
      assert.equal(periods(ends - 1).key, key)
      assert.notEqual(periods(ends).key, key)
    }),
    { numRuns: 60 },
  )
})
