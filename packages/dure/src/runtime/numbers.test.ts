import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDeadlines, virtualRuntime } from './runtime.ts'
import { checkNumbers, completeNumbers, COUNT, KEEP, SHARE, WAIT, wrongNumber } from './internal.ts'

test('a number passes when it lies in its range, and anything else is told with the range', () => {
  const anything = fc.oneof(fc.double(), fc.integer(), fc.anything())
  const ranges = fc.constantFrom(WAIT, COUNT, KEEP, SHARE, { ...WAIT, endless: true })
  fc.assert(
    fc.property(anything, ranges, (value, range) => {
      const endless = 'endless' in range && value === Infinity
      const inside =
        typeof value === 'number' &&
        value >= range.least &&
        value <= range.most &&
        (!('whole' in range && range.whole === true) || Number.isInteger(value))
      const wrong = wrongNumber(value, range)
      assert.equal(wrong === undefined, inside || endless, String(wrong))
      if (wrong !== undefined) assert.match(wrong, /^is .+; give a .*number.* from \S+ to \S+/s)
    }),
  )
})

test('options keep their defaults where nothing, or undefined, is given', () => {
  type Options = { readonly timeout: number; readonly pauses: readonly [number, number]; readonly every: number | false }
  const defaults: Options = { timeout: 5, pauses: [1, 2], every: 3 }
  const ranges = { timeout: WAIT, pauses: WAIT, every: WAIT }
  const given = { timeout: undefined, every: false } as unknown as Partial<Options>
  assert.deepEqual(completeNumbers('try', defaults, given, ranges), { timeout: 5, pauses: [1, 2], every: false })
  assert.throws(() => checkNumbers('try', { ...defaults, pauses: [1, Number.NaN] as const }, ranges), {
    name: 'TypeError',
    message: 'Cannot try: "pauses" is NaN; give a number of milliseconds from 1 to 2147483647',
  })
})

test('a deadline that never comes is watched like any other, and one that is no time is refused', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines(world)
  let expired = 0
  const entry = () => ({ at: 0, previous: undefined, following: undefined, expire: () => void expired++ })
  const endless = entry()
  deadlines.add(endless, Infinity)
  deadlines.add(entry(), 50)
  assert.throws(() => deadlines.add(entry(), Number.NaN), TypeError)
  await world.advance(60_000)
  assert.equal(expired, 1)
  deadlines.remove(endless)
  assert.equal(world.pending() <= 1, true)
  deadlines.expireAll()
  assert.equal(expired, 1)
})
