import assert from 'node:assert/strict'
import { test } from 'node:test'
import { event } from 'dure/contract'
import {
  describe,
  diff,
  hopping,
  session,
  sliding,
  stream,
  table,
  topology,
  tumbling,
  type Late,
  type Results,
} from 'dure/stream'
import { z } from 'zod'
import { testStream } from './streams.ts'

const schema = z.object({ k: z.string(), n: z.int() })
const A = event('a', { schema, key: ({ k }) => k })
const B = event('b', { schema, key: ({ k }) => k })
const Out = event('out', { schema: z.unknown(), key: () => 'out' })
const LateA = event('a.late', { schema, key: ({ k }) => k })

/** `k:n@time`, several in a row. */
function given(run: ReturnType<typeof testStream>, ...lines: readonly string[]): void {
  for (const line of lines) {
    const [, which, k, n, time] = /^([ab])? ?(\w+):(-?\d+)@(\d+)$/.exec(line)!
    run.push(which === 'b' ? B : A, { k: k!, n: Number(n) }, { time: Number(time) })
  }
}
const outputs = (run: ReturnType<typeof testStream>): unknown[] => run.published(Out).map(({ data }) => data)
const sums = (
  shape: Parameters<ReturnType<ReturnType<typeof stream<typeof A>>['byKey']>['window']>[0],
  policy: Late<z.output<typeof schema>> & { readonly results?: Results },
) =>
  topology('sums', [
    stream(A)
      .byKey()
      .window(shape, policy)
      .aggregate({ name: 'sum', init: () => 0, add: (sum, { n }) => sum + n, merge: (one, other) => one + other })
      .to(Out, ({ key, start, end, value }) => `${key} ${start}-${end} ${value}`),
  ])

test('what has no state: filter, map, flatMap, branch and merge', () => {
  const { small, big } = stream(A).branch({ small: ({ n }) => n < 10, big: () => true })
  const all = small.map(({ n }) => n * 2).merge(big.filter(({ n }) => n % 2 === 1).flatMap(({ n }) => [n, -n]))
  const run = testStream(topology('plain', [all.to(Out, (n) => n)]))
  given(run, 'x:1@0', 'x:11@1', 'x:12@2', 'x:9@3')
  assert.deepEqual(outputs(run), [2, 11, -11, 18])
})

test('a table of a count, a sum, a top and what is distinct follows every event', () => {
  const keyed = stream(A).keyBy(({ k }) => k)
  const run = testStream(
    topology('tables', [
      keyed.count({ name: 'count' }),
      keyed.reduce({ name: 'last', reduce: (_, next) => next }),
      keyed.distinct({ name: 'distinct', by: ({ n }) => n }),
      keyed.top({ name: 'top', n: 2, by: ({ n }) => n }),
      keyed.dedupe({ name: 'first' }).to(Out, ({ n }) => n),
    ]),
  )
  given(run, 'x:1@0', 'x:5@1', 'y:7@2', 'x:5@3', 'x:3@4')
  assert.deepEqual(Object.fromEntries(run.view('count')), { x: 4, y: 1 })
  assert.deepEqual(run.view('last').get('x'), { k: 'x', n: 3 })
  assert.deepEqual(Object.fromEntries(run.view('distinct')), { x: 3, y: 1 })
  assert.deepEqual(
    (run.view('top').get('x') as { n: number }[]).map(({ n }) => n),
    [5, 5],
  )
  assert.deepEqual(outputs(run), [1, 7])
})

test('a tumbling window is told once, when the watermark has passed its end', () => {
  const run = testStream(sums(tumbling(10), { late: 'drop' }))
  given(run, 'x:1@0', 'x:2@9', 'y:5@5')
  assert.deepEqual(outputs(run), [])
  given(run, 'x:4@10')
  assert.deepEqual(outputs(run), ['x 0-10 3', 'y 0-10 5'])
  run.end()
  assert.deepEqual(outputs(run).slice(2), ['x 10-20 4'])
})

test('late events are dropped and counted, correct what was told within the grace, or are published', () => {
  const dropped = testStream(sums(tumbling(10), { late: 'drop' }))
  given(dropped, 'x:1@0', 'x:1@10', 'x:7@3')
  assert.deepEqual(outputs(dropped), ['x 0-10 1'])
  assert.deepEqual(dropped.counts().late, { sum: 1 })

  const updated = testStream(sums(tumbling(10), { late: 'update', grace: 10 }))
  given(updated, 'x:1@0', 'x:1@10', 'x:7@3', 'y:2@4', 'x:1@20', 'x:100@5')
  assert.deepEqual(outputs(updated), ['x 0-10 1', 'x 0-10 8', 'y 0-10 2', 'x 10-20 1'])
  assert.deepEqual(updated.counts().late, { sum: 1 })

  const aside = testStream(sums(tumbling(10), { late: LateA }))
  given(aside, 'x:1@0', 'x:1@10', 'x:7@3')
  assert.deepEqual(
    aside.published(LateA).map(({ data }) => data),
    [{ k: 'x', n: 7 }],
  )
})

test('bounded disorder is waited for', () => {
  const run = testStream(
    topology('slow', [
      stream(A, { disorder: 5 })
        .byKey()
        .window(tumbling(10), { late: 'drop' })
        .count({ name: 'c' })
        .to(Out, ({ value }) => value),
    ]),
  )
  given(run, 'x:1@0', 'x:1@14', 'x:1@9')
  assert.deepEqual(outputs(run), [])
  given(run, 'x:1@15')
  assert.deepEqual(outputs(run), [2])
})

test('hopping windows hold an event in each that it is in', () => {
  const run = testStream(sums(hopping(10, { every: 4 }), { late: 'drop' }))
  given(run, 'x:1@0', 'x:2@7', 'x:4@12')
  run.end()
  assert.deepEqual(outputs(run), ['x -8-2 1', 'x -4-6 1', 'x 0-10 3', 'x 4-14 6', 'x 8-18 4', 'x 12-22 4'])
})

test('a sliding window is one for every event, with what came before it', () => {
  const run = testStream(sums(sliding(10), { late: 'drop' }))
  given(run, 'x:1@0', 'x:2@10', 'x:4@11')
  run.end()
  assert.deepEqual(outputs(run), ['x -10-0 1', 'x 0-10 3', 'x 1-11 6'])
})

test('what is too late for its own sliding window is in those after it that are open', () => {
  const run = testStream(sums(sliding(10), { late: 'drop' }))
  given(run, 'x:1@0', 'x:2@10', 'x:4@6', 'x:8@16', 'x:100@5')
  run.end()
  assert.deepEqual(outputs(run), ['x -10-0 1', 'x 0-10 7', 'x 6-16 14'])
  assert.deepEqual(run.counts().late, { sum: 1 })
})

test('a session ends after its gap, and one event may join two', () => {
  const run = testStream(
    topology('sums', [
      stream(A, { disorder: 20 })
        .byKey()
        .window(session(5), { late: 'drop' })
        .aggregate({ name: 'sum', init: () => 0, add: (sum, { n }) => sum + n, merge: (one, other) => one + other })
        .to(Out, ({ start, end, value }) => `${start}-${end} ${value}`),
    ]),
  )
  given(run, 'x:1@0', 'x:2@10', 'x:4@5', 'x:8@30')
  run.end()
  assert.deepEqual(outputs(run), ['0-15 7', '30-35 8'])
})

test('results may be told with every change, and before a window closes', () => {
  const updates = testStream(sums(tumbling(10), { late: 'drop', results: 'updates' }))
  given(updates, 'x:1@0', 'x:2@1', 'x:3@11')
  assert.deepEqual(outputs(updates), ['x 0-10 1', 'x 0-10 3', 'x 10-20 3'])

  for (const shape of [tumbling('1m'), session('1m')]) {
    const early = testStream(sums(shape, { late: 'drop', results: { early: '10s' } }), { start: 0 })
    given(early, 'x:1@0', 'x:2@1000', 'x:4@11000')
    early.advance('11s')
    early.end()
    const told = outputs(early).map((line) => Number(String(line).split(' ')[2]))
    assert.deepEqual(told, [1, 7, 7])
  }
})

test('streams are joined near each other; what stays alone is told when its time is over', () => {
  const [a, b] = [stream(A).byKey(), stream(B).byKey()]
  const options = {
    ...{ name: 'j', within: 10, late: 'drop' as const },
    join: (left: { n: number } | undefined, right: { n: number } | undefined) => `${left?.n}-${right?.n}`,
  }
  const ways = { join: a.join(b, options), leftJoin: a.leftJoin(b, options), outerJoin: a.outerJoin(b, options) }
  const join = (kind: keyof typeof ways) => testStream(topology('joined', [ways[kind].to(Out, (made) => made)]))
  const lines = ['a x:1@0', 'b x:2@5', 'b x:3@11', 'a x:4@40', 'b x:5@60', 'a x:6@90', 'b x:9@90']
  const inner = join('join')
  given(inner, ...lines)
  inner.end()
  assert.deepEqual(outputs(inner), ['1-2', '6-9'])
  const left = join('leftJoin')
  given(left, ...lines)
  left.end()
  assert.deepEqual(outputs(left), ['1-2', '4-undefined', '6-9'])
  const outer = join('outerJoin')
  given(outer, ...lines)
  outer.end()
  assert.deepEqual(outputs(outer), ['1-2', 'undefined-3', '4-undefined', '6-9', 'undefined-5'])
})

test('a stream finds what a table has, at the moment or as of its own time', () => {
  const prices = table(B, { name: 'prices' })
  const found = (asOf?: number) =>
    testStream(
      topology('found', [
        stream(A)
          .byKey()
          .leftJoin(prices, { name: 'f', ...(asOf !== undefined && { asOf }), join: (a, b) => `${a.n} ${b?.n}` })
          .to(Out, (made) => made),
      ]),
    )
  const lines = ['a x:1@0', 'b x:10@5', 'b x:20@15', 'a x:2@10', 'a x:3@20']
  const latest = found()
  given(latest, ...lines)
  assert.deepEqual(outputs(latest), ['1 undefined', '2 20', '3 20'])
  const versioned = found(100)
  given(versioned, ...lines)
  assert.deepEqual(outputs(versioned), ['1 undefined', '2 10', '3 20'])
})

test('tables are joined by their key, and by a key that rows name', () => {
  const gone = ({ n }: { n: number }): boolean => n < 0
  const left = table(A, { name: 'left', isDeleted: gone })
  const right = table(B, { name: 'right', isDeleted: gone })
  const both = testStream(
    topology('both', [
      left.outerJoin(right, { name: 'o', join: (a, b) => `${a?.n}/${b?.n}` }),
      left.join(right, { name: 'i', join: (a, b) => a.n + b.n }),
    ]),
  )
  given(both, 'a x:1@0', 'b x:2@1', 'b y:3@2', 'a x:-1@3')
  assert.deepEqual(Object.fromEntries(both.view('o')), { x: 'undefined/2', y: 'undefined/3' })
  assert.deepEqual(Object.fromEntries(both.view('i')), {})

  const named = left.leftJoin(right, { name: 'named', on: ({ n }) => `r${n}`, join: (a, b) => `${a.n}:${b?.n}` })
  const perRight = named.groupBy((text) => String(text).split(':')[1]!).count({ name: 'per-right' })
  const run = testStream(topology('named', [named, perRight]))
  given(run, 'a x:1@0', 'b r1:7@1', 'a y:1@2', 'a z:2@3', 'b r2:8@4', 'a x:2@5', 'b r2:9@6', 'a z:-1@7')
  assert.deepEqual(Object.fromEntries(run.view('named')), { x: '2:9', y: '1:7' })
  assert.deepEqual(Object.fromEntries(run.view('per-right')), { 7: 1, 9: 1 })
})

test('what changes in a table is taken from the group that it was in', () => {
  const sumsPerN = table(A, { name: 'rows' })
    .groupBy(({ n }) => n % 2)
    .aggregate({ name: 'sums', init: () => 0, add: (sum, { n }) => sum + n, remove: (sum, { n }) => sum - n })
  const run = testStream(topology('groups', [sumsPerN]))
  given(run, 'x:2@0', 'y:4@1', 'x:3@2', 'y:5@3')
  assert.deepEqual(Object.fromEntries(run.view('sums')), { 1: 8 })
})

test('a processor has state and timers', () => {
  const reminded = stream(A)
    .byKey()
    .process<number, string>({
      name: 'remind',
      on: (sum = 0, { n }, { time, wakeAt }) => {
        wakeAt(time + 10)
        return sum + n
      },
      wake: (sum, { key, time, emit }) => void emit(`${key} ${sum} at ${time}`),
    })
  const run = testStream(topology('reminders', [reminded.to(Out, (text) => text)]))
  given(run, 'x:1@0', 'y:2@5', 'y:1@11', 'z:1@40')
  assert.deepEqual(outputs(run), ['x 1 at 10', 'y 3 at 15', 'y undefined at 21'])
})

test('a partition on which nothing comes holds nothing up, and when none has anything time goes on', () => {
  const run = testStream(sums(tumbling('10s'), { late: 'drop' }), { start: 0, partitions: 2 })
  run.push(A, { k: 'x', n: 1 }, { time: 1_000, partition: 0 })
  run.push(A, { k: 'x', n: 1 }, { time: 25_000, partition: 0 })
  assert.deepEqual(outputs(run), [])
  run.advance('30s')
  assert.deepEqual(outputs(run), ['x 0-10000 1'])
  run.advance('5s')
  assert.deepEqual(outputs(run).slice(1), ['x 20000-30000 1'])
})

test('an event of the year 9999, or of no time, closes no window', () => {
  const run = testStream(
    topology('far', [
      stream(A, { time: ({ n }) => n })
        .byKey()
        .window(tumbling(10), { late: 'drop' })
        .count({ name: 'c' })
        .to(Out, ({ value }) => value),
    ]),
    { start: 0 },
  )
  for (const n of [1, 253_370_764_800_000, -5, Number.NaN, 2, 11]) run.push(A, { k: 'x', n })
  assert.deepEqual([outputs(run), run.counts().aside, run.counts().records], [[2], 3, 6])
})

test('a topology is described, and compared with the one before', () => {
  const text = describe(sums(tumbling('1m'), { late: 'drop' })).text
  assert.equal(text, 'topology sums\na\nsum [window, size 60000, every 60000, late drop] <- a\nto out <- sum\n')
  const after = diff(sums(tumbling('1m'), { late: 'drop' }), sums(session('1m'), { late: 'drop' }))
  assert.deepEqual(after.refused, [{ name: 'sum', why: 'it was a window and is a session window' }])
  assert.deepEqual(diff(sums(tumbling('1m'), { late: 'drop' }), sums(tumbling('1m'), { late: LateA })).carried, ['sum'])
})

test('what cannot work is refused where it is declared', () => {
  const keyed = stream(A).byKey()
  const refusals: readonly (readonly [() => unknown, RegExp])[] = [
    [() => tumbling('10 minutes' as never), /"size" is "10 minutes"/],
    [() => hopping('1m', { every: '2m' }), /would leave events out/],
    [() => keyed.count({ name: 'Not A Name' }), /cannot name its state/],
    [() => keyed.window(tumbling('1m'), {} as never).count({ name: 'c' }), /"late" is undefined/],
    [() => keyed.window(session('1m'), { late: 'drop' }).aggregate({ name: 'c', init: () => 0, add: (n) => n }), /no "merge"/],
    [() => topology('two', [keyed.count({ name: 'c' }), keyed.count({ name: 'c' })]), /are called "c"/],
    [() => topology('two', [keyed.count({ name: 'c' }), stream(A).to(Out, () => 1)]), /reads event "a" twice/],
    [() => topology('none', []), /ends nowhere/],
    [() => topology('small', [keyed.count({ name: 'c' })], { memory: 0 }), /"memory" is 0/],
    [() => stream(A, { failures: 'drop' as never }), /"failures" is "drop"/],
    [() => stream(A).filter(async () => false), /Cannot declare "filter": its function is asynchronous/],
    [
      () => keyed.aggregate({ name: 'c', init: () => 0, add: (async () => 1) as never }),
      /"aggregate": its "add" is asynchronous/,
    ],
    [
      () => keyed.window(tumbling('1m'), { late: 'drop' }).reduce({ name: 'c', reduce: (async () => 1) as never }),
      /its "reduce" is/,
    ],
    [() => testStream(topology('a', [keyed.count({ name: 'c' })])).push(B, { k: 'x', n: 1 }), /does not read it/],
    [() => testStream(topology('a', [keyed.count({ name: 'c' })])).view('d'), /has "c"/],
  ]
  for (const [work, says] of refusals) assert.throws(work, says)
})
