import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changesOf, choose, judge, type Choice } from './rules.ts'
import { ALL_NEEDS, COMPLEXITIES, INDEPENDENCES, PLAIN, type Question } from './needs.ts'
import { STYLES, type Style, type StyleName } from './styles.ts'

/** Half of the time a criterion asks for nothing: else hardly any question has an answer. */
const or = <T>(nothing: T, ...values: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof(
    { arbitrary: fc.constant(nothing), weight: 2 * values.length },
    ...values.map((arbitrary) => ({ arbitrary, weight: 1 })),
  )
const question = fc.record<Question>({
  responseTime: or(Infinity, fc.constantFrom(...STYLES.map((one) => one.responseTime)), fc.integer({ min: 0, max: 200 })),
  throughput: or(0, fc.constantFrom(...STYLES.map((one) => one.throughput)), fc.nat(30_000)),
  complexity: or('high', fc.constantFrom(...COMPLEXITIES)),
  independence: or('none', fc.constantFrom(...INDEPENDENCES)),
  needs: fc
    .constantFrom(...STYLES)
    .chain(({ serves }) => fc.subarray([...serves], { minLength: 1, maxLength: Math.min(2, serves.length) })),
})
/** The table, or one with numbers by chance, as a measurement may give them. */
const tables = fc.option(fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 24, maxLength: 24 })).map((numbers) => {
  if (numbers === null) return STYLES
  return STYLES.map((style, at) => ({ ...style, responseTime: numbers[at]! % 200, throughput: numbers[12 + at]! }))
})
const check = <T>(property: fc.IProperty<T>): void => fc.assert(property, { numRuns: 60 })
const chosenOf = (choice: Choice): Style | undefined => (choice.kind === 'one' ? choice.chosen : undefined)

/** Asking for more of a criterion: the style that is chosen then has no less of it. */
function monotone(tighter: (asked: Question, by: number) => Question, no: (before: Style, after: Style) => boolean): void {
  check(
    fc.property(
      tables,
      question,
      fc.integer({ min: 0, max: 100 }).map((part) => part / 100),
      (styles, asked, by) => {
        const [before, after] = [choose(asked, styles), choose(tighter(asked, by), styles)].map(chosenOf)
        // What was not possible does not become so.
        if (before === undefined) assert.equal(after, undefined)
        else if (after !== undefined) assert.ok(no(before, after), `${before.name}, then ${after.name}`)
      },
    ),
  )
}
const lower = <T>(levels: readonly T[], level: T, by: number): T => levels[Math.floor(levels.indexOf(level) * by)]!
const higher = <T>(levels: readonly T[], level: T, by: number): T => lower(levels.toReversed(), level, by)

test('a tighter response time never chooses a slower style', () => {
  monotone(
    (asked, by) => ({ ...asked, responseTime: (Number.isFinite(asked.responseTime) ? asked.responseTime : 100) * by }),
    (before, after) => after.responseTime <= before.responseTime,
  )
})

test('more calls a second never choose a style that takes fewer', () => {
  monotone(
    (asked, by) => ({ ...asked, throughput: asked.throughput + by * 100_000 }),
    (before, after) => after.throughput >= before.throughput,
  )
})

test('less complexity allowed never chooses a more complex style', () => {
  monotone(
    (asked, by) => ({ ...asked, complexity: lower(COMPLEXITIES, asked.complexity, by) }),
    (before, after) => COMPLEXITIES.indexOf(after.complexity) <= COMPLEXITIES.indexOf(before.complexity),
  )
})

test('more independence never chooses a style that has less', () => {
  monotone(
    (asked, by) => ({ ...asked, independence: higher(INDEPENDENCES, asked.independence, by) }),
    (before, after) => INDEPENDENCES.indexOf(after.independence) >= INDEPENDENCES.indexOf(before.independence),
  )
})

test('one more need never chooses a simpler style, nor one without the needs before', () => {
  check(
    fc.property(tables, question, fc.constantFrom(...ALL_NEEDS), (styles, asked, need) => {
      const [before, after] = [asked, { ...asked, needs: [...asked.needs, need] }].map((one) => chosenOf(choose(one, styles)))
      if (after === undefined) return
      for (const each of [...asked.needs, need]) assert.ok(after.serves.includes(each))
      assert.ok(before !== undefined && styles.indexOf(before) <= styles.indexOf(after))
    }),
  )
})

test('what is chosen meets all that is asked, and every simpler style does not', () => {
  check(
    fc.property(tables, question, (styles, asked) => {
      const choice = choose(asked, styles)
      const all = judge(asked, styles)
      const fits = all.filter(({ obstacles }) => obstacles.length === 0).map(({ style }) => style)
      assert.equal(chosenOf(choice), fits[0])
      if (choice.kind === 'several') {
        assert.deepEqual(
          choice.parts.map(({ need }) => need),
          asked.needs,
        )
        for (const { need, chosen } of choice.parts)
          assert.deepEqual(choose({ ...asked, needs: [need] }, styles), { kind: 'one', chosen })
      }
      if (choice.kind === 'none') for (const { obstacles } of choice.nearest) assert.ok(obstacles.length > 0)
    }),
  )
})

test('what would change the choice does change it, to what is said', () => {
  let seen = 0
  check(
    fc.property(tables, question, (styles, asked) => {
      const before = choose(asked, styles)
      for (const { change, chosen } of changesOf(asked, styles)) {
        seen++
        assert.equal(Object.keys(change).length, 1)
        assert.deepEqual(choose({ ...asked, ...change }, styles), { kind: 'one', chosen })
        assert.notEqual(chosenOf(before), chosen)
        // It is the nearest number that does: those between change nothing, or leave no single style.
        for (const number of ['responseTime', 'throughput'] as const) {
          const [from, to = from] = [asked[number], change[number]]
          const between = styles
            .map((style) => style[number])
            .filter((one) => Math.min(from, to) < one && one < Math.max(from, to))
          for (const value of between) {
            const near = chosenOf(choose({ ...asked, [number]: value }, styles))
            assert.ok(near === undefined || near === chosenOf(before))
          }
        }
      }
    }),
  )
  assert.ok(seen > 50, `${seen} changes`)
})

test('the table goes from simple to complex, and each of its styles is the answer to something', () => {
  const levels = STYLES.map(({ complexity }) => COMPLEXITIES.indexOf(complexity))
  assert.deepEqual(levels, levels.toSorted())
  const expected: Readonly<Record<StyleName, Partial<Question>>> = {
    local: {},
    remote: { independence: 'release' },
    rest: { needs: ['answer', 'browser'] },
    grpc: { needs: ['languages', 'both'] },
    graphql: { needs: ['screens'] },
    websocket: { needs: ['browser', 'both'] },
    tcp: { needs: ['device', 'both'] },
    events: { needs: ['tell'], independence: 'time' },
    thrift: { needs: ['answer', 'thrift'] },
    mail: { needs: ['people'] },
    soap: { needs: ['answer', 'wsdl'] },
    udp: { needs: ['newest'] },
  }
  for (const [name, asked] of Object.entries(expected)) {
    assert.equal(chosenOf(choose({ ...PLAIN, ...asked }, STYLES))?.name, name)
  }
})

test('several needs have a style each, and what contradicts itself has none', () => {
  const shop = choose({ ...PLAIN, needs: ['browser', 'wsdl'] }, STYLES)
  assert.deepEqual(shop.kind === 'several' && shop.parts.map(({ chosen }) => chosen.name), ['rest', 'soap'])
  const both = choose({ ...PLAIN, independence: 'time' }, STYLES)
  assert.ok(both.kind === 'none')
  assert.deepEqual(
    [...new Set(both.nearest.flatMap(({ obstacles }) => obstacles.map(({ criterion }) => criterion)))],
    ['independence', 'need'],
  )
})
