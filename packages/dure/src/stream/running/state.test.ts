/** State that is in the store, and not in memory, is what it would be in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { event, type AnyEvent } from '../../contract/contract.ts'
import { hopping, session, sliding, stream, table, topology, tumbling, type Output } from '../stream.ts'
import { askedRecords } from './asked.ts'
import { deliveriesOf, makeRig, messageOf, START } from './rig.test-support.ts'

const Priced = event('item.priced', { schema: z.object({ sku: z.string(), cents: z.int() }), key: ({ sku }) => sku })
const at = (partition: number, epoch = 1) => ({ topic: Priced.topic, partition, epoch, broker: 'b' })

test('a key that is removed and comes again in one batch is in the store', { timeout: 60_000 }, async (t) => {
  const prices = topology('prices', [table(Priced, { name: 'prices', isDeleted: ({ cents }) => cents === 0 })])
  const rig = await makeRig(t, prices)
  const reader = rig.reader()
  await reader.assigned(at(0))
  const told = [5, 0, 7].map((cents) => messageOf(Priced, 'a', START, { sku: 'a', cents }))
  await reader.deliver(deliveriesOf(told, 0), at(0))
  const [row] = await askedRecords(rig.store, 'prices').find('prices', 'a', { from: 0, to: 0 })
  assert.deepEqual(row?.value, { sku: 'a', cents: 7 })
})

const schema = z.object({ key: z.string(), n: z.int() })
const Left = event('side.left', { schema, key: ({ key }) => key })
const Right = event('side.right', { schema, key: ({ key }) => key })
const Out = event('side.out', { schema: z.object({ of: z.string(), said: z.string() }), key: ({ of }) => of })
type Side = z.infer<typeof schema>

/** Every operator that has state, all at once. */
function allOperators() {
  const [one, other] = [stream(Left, { disorder: '2s' }).byKey(), stream(Right, { disorder: '2s' }).byKey()]
  const sum = { init: () => 0, add: (total: number, { n }: Side) => total + n, merge: (a: number, b: number) => a + b }
  const isDeleted = ({ n }: Side): boolean => n % 4 === 0
  const late = { late: 'drop' } as const
  const corrected = { late: 'update', grace: '4s' } as const
  const early = { late: 'drop', results: { early: '3s' } } as const
  const updates = { ...corrected, results: 'updates' } as const
  const join = (left: unknown, right: unknown): unknown => ({ left, right })
  const near = { within: '3s', late: 'drop', join } as const
  const lefts = one.toTable({ name: 'lefts', isDeleted })
  const rights = other.toTable({ name: 'rights', isDeleted })
  const on = ({ n }: Side): string | undefined => (n % 5 === 0 ? undefined : 'abcde'[n % 5])
  const windows = { tumbling: tumbling('5s'), hopping: hopping('6s', { every: '2s' }), session: session('2s') }
  const windowed = Object.entries(windows).flatMap(([name, shape]) =>
    Object.entries({ late, corrected, early, updates }).map(
      ([policy, said]) =>
        [`${name}-${policy}`, one.window(shape, said).aggregate({ name: `${name}-${policy}`, ...sum })] as const,
    ),
  )
  const made = {
    ...Object.fromEntries(windowed),
    sliding: one.window(sliding('3s'), late).aggregate({ name: 'sliding', ...sum }),
    'sliding-updates': one.window(sliding('3s'), updates).aggregate({ name: 'sliding-updates', ...sum }),
    count: one.count({ name: 'count' }),
    distinct: one.distinct({ name: 'distinct', by: ({ n }) => n }),
    top: one.top({ name: 'top', n: 2, by: ({ n }) => n }),
    dedupe: one.dedupe({ name: 'dedupe' }),
    'dedupe-within': one.dedupe({ name: 'dedupe-within', within: '3s' }),
    process: one.process<number, number>({
      name: 'process',
      on: (state, { n }, { time, wakeAt }) => {
        wakeAt(time + 1_000 * n)
        return (state ?? 0) + n
      },
      wake: (state, { emit, time }) => {
        emit(state ?? -1)
        return time % 2 === 0 ? undefined : state
      },
    }),
    regrouped: lefts.groupBy(({ n }) => n % 3).count({ name: 'regrouped' }),
    inner: one.join(other, { name: 'inner', ...near }),
    left: one.leftJoin(other, { name: 'left', ...near }),
    outer: one.outerJoin(other, { name: 'outer', ...near }),
    lookup: one.leftJoin(rights, { name: 'lookup', join }),
    'as-of': one.join(rights, { name: 'as-of', asOf: '5s', join }),
    tables: lefts.outerJoin(rights, { name: 'tables', join }),
    foreign: lefts.leftJoin(rights, { name: 'foreign', on, join }),
  }
  const ends = Object.entries(made).map(([of, { to }]) =>
    (to as (event: AnyEvent, make: (value: unknown, key: string, time: number) => unknown) => Output)(
      Out,
      (value, key, time) => ({ of, said: JSON.stringify([value, key, time]) }),
    ),
  )
  return topology('all', ends)
}

const times = fc.integer({ min: -6_000, max: 3_000 })
const records = fc.array(fc.record({ key: fc.constantFrom(...'abcdefg'), n: fc.integer({ min: 0, max: 9 }), late: times }), {
  ...{ minLength: 1, maxLength: 8 },
})
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('left', 'right'), records }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tick'), by: fc.integer({ min: 500, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('idle', 'restart') }) },
)
type Step = { readonly kind: string; readonly by?: number; readonly records?: readonly (Side & { readonly late: number })[] }

const RUNS = Number(process.env['DURE_STREAM_RUNS'] ?? 10)

test('state that is read back by key makes the same as state in memory', { timeout: 600_000 }, async (t) => {
  const all = allOperators()
  const run = async (steps: readonly Step[], memory: number) => {
    const rig = await makeRig(t, all)
    rig.memory = memory
    let reader = rig.reader()
    let epoch = 0
    const positions = new Map<AnyEvent, number>()
    const begin = async (): Promise<void> => {
      epoch++
      for (const { topic } of [Left, Right]) await reader.assigned({ topic, partition: 0, epoch, broker: 'b' })
    }
    await begin()
    for (const { kind, by = 60_000, records = [] } of steps) {
      if (kind === 'restart') {
        reader = rig.reader()
        await begin()
      } else if (kind === 'left' || kind === 'right') {
        const of = kind === 'left' ? Left : Right
        rig.runtime.jump(1_000)
        const now = rig.runtime.clock.now()
        const first = positions.get(of) ?? 0
        positions.set(of, first + records.length)
        const batch = deliveriesOf(
          records.map(({ key, n, late }) => messageOf(of, key, now + late, { key, n })),
          0,
        ).map((one, at) => ({ ...one, position: String(first + at) }))
        await reader.deliver(batch, { topic: of.topic, partition: 0 })
      } else {
        rig.runtime.jump(by)
        await reader.tick(() => kind === 'idle')
      }
    }
    const rows = await rig.store.select(
      `SELECT part, at, key, value FROM dure_stream_state WHERE part <> '/seen' ORDER BY part, at, key`,
      [],
    )
    return {
      said: rig.published.map(({ data }) => data).toSorted(),
      rows,
      status: { ...reader.status(), bytes: 0, isPartial: false },
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), fc.constantFrom(1, 3_000), async (steps, memory) => {
      assert.deepEqual(await run(steps, memory), await run(steps, Infinity))
    }),
    { numRuns: RUNS, endOnFailure: process.env['DURE_STREAM_SHRINK'] === undefined },
  )
})
