import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { event } from '../contract/contract.ts'
import { partitionOf } from '../messaging/internal.ts'
import { cut, type Stage } from './cut.ts'
import { createHanding, handedOf, handedText, type Cause } from './exchange.ts'
import { stream, table, topology, tumbling, type Output } from './stream.ts'

const Row = z.object({ id: z.string(), group: z.string(), n: z.int() })
const One = event('test.one', { schema: Row, key: ({ id }) => id })
const Two = event('test.two', { schema: Row, key: ({ id }) => id })
const late = { late: 'drop' } as const
const counting = (name: string) => ({ name, init: () => 0, add: (sum: number) => sum + 1, remove: (sum: number) => sum - 1 })

/** `stage: operators <- what it takes`, a line each. */
const shown = (stages: readonly Stage[]): readonly string[] =>
  stages.map(({ name, nodes, takes }) =>
    [`${name}: ${nodes.map((node) => node.name ?? node.kind).join(' ')}`, ...takes.keys()].join(' <- '),
  )
const cutOf = (...outputs: readonly Output[]): readonly string[] => shown(cut(topology('t', outputs).nodes))

test('what goes by the key of its topic is in one piece', () => {
  assert.deepEqual(cutOf(stream(One).byKey().window(tumbling('1m'), late).count({ name: 'totals' })), [
    'test.one: test.one totals',
  ])
})

test('what changes keys hands on to another stage', () => {
  const bySeller = stream(One).keyBy(({ group }) => group)
  assert.deepEqual(cutOf(bySeller.count({ name: 'counts' }), bySeller.window(tumbling('1m'), late).count({ name: 'totals' })), [
    'test.one: test.one keyBy',
    '#1: counts totals <- keyBy > counts, totals',
  ])
})

test('two topics meet by our hash, whatever their publishers do', () => {
  const join = { name: 'both', join: (one: { n: number }, other: { n: number }) => one.n + other.n }
  assert.deepEqual(cutOf(table(One, { name: 'ones' }).join(table(Two, { name: 'twos' }), join)), [
    'test.one: test.one ones',
    'test.two: test.two twos',
    '#1: both <- ones > both <- twos > both',
  ])
  // A merge is in both places; what counts is in one.
  assert.deepEqual(cutOf(stream(One).merge(stream(Two)).filter(Boolean).byKey().count({ name: 'all' })), [
    'test.one: test.one merge filter',
    'test.two: test.two merge filter',
    '#1: all <- filter > all',
  ])
  const keyed = stream(One).keyBy(({ group }) => group)
  assert.deepEqual(cutOf(keyed.join(table(Two, { name: 'twos' }), join)), [
    'test.one: test.one keyBy',
    'test.two: test.two twos',
    '#1: both <- keyBy > both <- twos > both',
  ])
})

test('a window that others wait for goes by the time of all partitions', () => {
  const totals = stream(One).byKey().window(tumbling('1m'), late).count({ name: 'totals' })
  const again = totals.toStream().keyBy(({ start }) => start)
  assert.deepEqual(cutOf(again.count({ name: 'per-minute' })), [
    'test.one: test.one',
    '#1: totals toStream keyBy <- test.one > totals',
    '#2: per-minute <- keyBy > per-minute',
  ])
})

test('windows of one key are together, and a table of other keys is not with them', () => {
  const keyed = stream(One).keyBy(({ group }) => group)
  const [one, other] = ['one', 'other'].map((name) => keyed.window(tumbling('1m'), late).count({ name }))
  const join = { name: 'both', join: (): number => 1 }
  assert.deepEqual(cutOf(one!.join(other!, join)), ['test.one: test.one keyBy', '#1: one other both <- keyBy > one, other'])
  assert.deepEqual(cutOf(one!.join(table(Two, { name: 'twos' }), join)), [
    'test.one: test.one keyBy',
    'test.two: test.two twos',
    '#1: one <- keyBy > one',
    '#2: both <- one > both <- twos > both',
  ])
})

test('rows by a foreign key go there and back', () => {
  const rows = table(One, { name: 'rows' })
  const groups = table(Two, { name: 'groups' })
  const joined = rows.join(groups, { name: 'named', on: ({ group }) => group, join: (row, group) => ({ ...row, of: group.n }) })
  assert.deepEqual(
    cutOf(
      joined
        .groupBy(({ of }) => of)
        .aggregate(counting('per-group'))
        .toStream()
        .to(One, (n) => ({ id: '', group: '', n })),
    ),
    [
      'test.one: test.one rows foreign key',
      'test.two: test.two groups',
      '#1: named <- foreign key > named <- groups > named',
      '#2: groupBy <- named > per-group',
      '#3: per-group toStream to test.one <- groupBy > per-group',
    ],
  )
})

const causeOf = (at: number): Cause | undefined =>
  at < 0 ? undefined : { id: `m-${at}`, correlationId: `c-${at}`, traceparent: undefined, initiator: undefined }

test('records come out of a text as they went in', () => {
  const value = fc.oneof(fc.jsonValue(), fc.date({ noInvalidDate: true }), fc.bigInt(), fc.constant(undefined), fc.uint8Array())
  const record = fc.record({ key: fc.string(), time: fc.nat(), next: value, before: value, at: fc.integer({ min: -1, max: 3 }) })
  const stages = cut(
    topology('t', [
      stream(One)
        .keyBy(({ group }) => group)
        .count({ name: 'counts' }),
    ]).nodes,
  )
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (records, partitions) => {
      let at = -1
      const handing = createHanding(stages[0]!, { partitions, at: () => at })
      const [node] = stages[0]!.sends.keys()
      for (const one of records) {
        at = one.at
        handing.to(node!)!(one.next, one.before, one.key, one.time)
      }
      const texts = handing.take(causeOf)
      assert.deepEqual(handing.take(causeOf), [])
      for (let partition = 0; partition < partitions; partition++) {
        const got = texts.filter((one) => one.partition === partition).flatMap(({ text }) => handedOf(text))
        const own = records.filter(({ key }) => partitionOf(key, partitions) === partition)
        const expected = own.map(({ key, time, next, before, at: of }) => ({
          ...{ edge: 'keyBy > counts', key, time, next: copyOf(next), before: copyOf(before), cause: plain(causeOf(of)) },
        }))
        assert.deepEqual(got, expected)
        for (const one of got) assert.deepEqual(handedOf(handedText(one)), [one])
      }
    }),
    { numRuns: 200 },
  )
})

test('a text ends before it is too long', () => {
  const [stage] = cut(
    topology('t', [
      stream(One)
        .keyBy(({ group }) => group)
        .count({ name: 'counts' }),
    ]).nodes,
  )
  const handing = createHanding(stage!, { partitions: 1, at: () => 0 })
  const to = handing.to([...stage!.sends.keys()][0]!)!
  for (let n = 0; n < 25; n++) to('x'.repeat(100_000), undefined, String(n), n)
  const texts = handing.take(causeOf)
  assert.equal(texts.length, 3)
  assert.deepEqual(
    texts.flatMap(({ text }) => handedOf(text)).map(({ time }) => time),
    Array.from({ length: 25 }, (_, n) => n),
  )
})

/** JSON has no `undefined`: what is none is left out. */
const plain = (cause: Cause | undefined): unknown => cause && { id: cause.id, correlationId: cause.correlationId }
const copyOf = (value: unknown): unknown => structuredClone(value)
