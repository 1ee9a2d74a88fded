/**
 * Emmett (https://event-driven-io.github.io/emmett) on Dure's event store: its `EventStore` interface over an aggregate. Run with the folder in
 * which Emmett is installed, it judges the store by Emmett's own command handler and decider, and beside Emmett's own store.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { CallError, event } from '../contract/contract.ts'
import { seededRandom } from '../runtime/runtime.ts'
import { aggregate } from './eventsourcing.ts'
import { all, rigOf, type Copy } from './eventsourcing.test-support.ts'

type Item = { readonly productId: string; readonly quantity: number; readonly price: number }
type State = { readonly productItems: readonly Item[]; readonly totalAmount: number }
type Fact = { readonly type: string; readonly data: Record<string, unknown> }

const facts = ['ProductItemAdded', 'DiscountApplied'].map((name) =>
  event(name, { schema: z.record(z.string(), z.json()), key: () => 'one' }),
)
const initialState = (): State => ({ productItems: [], totalAmount: 0 })
const evolve = ({ productItems, totalAmount }: State, { type, data }: Fact): State => {
  if (type === 'DiscountApplied') return { productItems, totalAmount: totalAmount * (1 - Number(data['percent']) / 100) }
  const item = data['productItem'] as Item
  return { productItems: [...productItems, item], totalAmount: totalAmount + item.price * item.quantity }
}
const shoppingCart = aggregate('shopping-cart', {
  events: facts,
  initial: initialState,
  decide: (item: Item, { totalAmount }) => {
    if (totalAmount > 1_000) throw new CallError('FAILED_PRECONDITION', 'The cart is full')
    return [{ type: 'ProductItemAdded', data: { productItem: item } }]
  },
  evolve: (state, { type, data }) => evolve(state, { type, data }),
})

type Range = {
  readonly from?: bigint
  readonly to?: bigint
  readonly maxCount?: bigint
  readonly expectedStreamVersion?: unknown
}
// oxlint-disable-next-line typescript/no-explicit-any
type Emmett = Record<string, any>

/** Emmett's event store over ours. */
function emmettStore(emmett: Emmett, { transaction, events }: Copy): Emmett {
  const { STREAM_EXISTS, STREAM_DOES_NOT_EXIST, NO_CONCURRENCY_CHECK, ExpectedVersionConflictError } = emmett
  const versionOf = async (name: string): Promise<bigint> => BigInt((await events.load(shoppingCart.stream(name))).version)
  const readStream = async (name: string, { from = 1n, to, maxCount, expectedStreamVersion }: Range = {}) => {
    const currentStreamVersion = await versionOf(name)
    emmett['assertExpectedVersionMatchesCurrent'](currentStreamVersion, expectedStreamVersion, 0n)
    const limits = [to === undefined ? undefined : to - from + 1n, maxCount].filter((one) => one !== undefined).map(Number)
    const options = { from: Number(from), ...(limits.length > 0 && { limit: Math.max(0, Math.min(...limits)) }) }
    const read = (await all(events.read(shoppingCart.stream(name), options))).map(({ id, type, data, version }) => ({
      ...{ type, data, kind: 'Event' },
      metadata: { streamName: name, messageId: id, streamPosition: BigInt(version) },
    }))
    return { currentStreamVersion, events: read, streamExists: currentStreamVersion > 0n }
  }
  return {
    readStream,
    aggregateStream: async (name: string, { evolve: step, initialState: first, read }: Emmett) => {
      const { events: found, streamExists } = await readStream(name, read)
      const last = found.at(-1)?.metadata.streamPosition ?? 0n
      return { currentStreamVersion: last, state: found.reduce(step as never, first()), streamExists }
    },
    appendToStream: async (name: string, facts: readonly Fact[], options: Range = {}) => {
      const { expectedStreamVersion: expected = NO_CONCURRENCY_CHECK } = options
      const before = await versionOf(name)
      const conflict = (): Error => new ExpectedVersionConflictError(before, expected)
      if (expected === STREAM_EXISTS && before === 0n) throw conflict()
      const any = expected === NO_CONCURRENCY_CHECK || expected === STREAM_EXISTS
      const ours = any ? 'any' : expected === STREAM_DOES_NOT_EXIST || expected === 0n ? 'none' : Number(expected)
      const news = facts.map(({ type, data }) => ({ type, data }))
      try {
        const append = (tx: Parameters<Parameters<Copy['transaction']>[0]>[0]) =>
          tx.append(shoppingCart.stream(name), news as never, { expected: ours })
        const nextExpectedStreamVersion = BigInt(await transaction(append))
        return { nextExpectedStreamVersion, createdNewStream: nextExpectedStreamVersion === BigInt(news.length) }
      } catch (error) {
        throw error instanceof CallError && error.code === 'ABORTED' ? conflict() : error
      }
    },
    streamExists: async (name: string) => (await versionOf(name)) > 0n,
  }
}

const item = (quantity: number): Item => ({ productId: 'p123', quantity, price: 3 })
const addedFact = (quantity: number): Fact => ({ type: 'ProductItemAdded', data: { productItem: item(quantity) } })

const cases: Readonly<Record<string, (emmett: Emmett, store: Emmett) => Promise<unknown>>> = {
  "Emmett's decider specification, of our aggregate": async ({ DeciderSpecification }) => {
    const { decide, initial } = shoppingCart
    const given = DeciderSpecification.for({ decide, evolve, initialState: initial })
    given([addedFact(10)])
      .when(item(2))
      .then([addedFact(2)])
    given([addedFact(1_000)])
      .when(item(2))
      .thenThrows((error: Error) => /full/.test(error.message))
  },
  "Emmett's command handler: a stream is made, follows, and is refused when it must not be there": async (emmett, store) => {
    const handle = emmett['CommandHandler']({ evolve, initialState })
    const once = { expectedStreamVersion: emmett['STREAM_DOES_NOT_EXIST'] }
    const first = await handle(store, 'handled', () => addedFact(1), once)
    assert.deepEqual([first.nextExpectedStreamVersion, first.createdNewStream, first.newState.totalAmount], [1n, true, 3])
    const second = await handle(store, 'handled', (state: State) => addedFact(state.productItems.length + 1))
    assert.deepEqual([second.nextExpectedStreamVersion, second.createdNewStream, second.newState.totalAmount], [2n, false, 9])
    await assert.rejects(
      handle(store, 'handled', () => addedFact(1), once),
      emmett['ExpectedVersionConflictError'],
    )
  },
  "Emmett's command handler: of many at once each adds one, by its retries alone": async (emmett, store) => {
    const handle = emmett['CommandHandler']({
      evolve,
      initialState,
      retry: { onVersionConflict: { retries: 50, minTimeout: 1, maxTimeout: 20 } },
    })
    await Promise.all(Array.from({ length: 10 }, () => handle(store, 'raced', () => addedFact(1))))
    assert.equal((await store['readStream']('raced')).events.length, 10)
  },
  'ranges are of positions, both ends included, and tell the version of the whole stream': async (_, store) => {
    await store['appendToStream'](
      'ranges',
      Array.from({ length: 10 }, (__, at) => addedFact(at)),
    )
    const read = async (range: Range) => {
      const { events, currentStreamVersion, streamExists } = await store['readStream']('ranges', range)
      assert.deepEqual([currentStreamVersion, streamExists], [10n, true])
      return events.map(({ metadata }: { metadata: { streamPosition: bigint } }) => Number(metadata.streamPosition))
    }
    assert.deepEqual(await read({ from: 4n }), [4, 5, 6, 7, 8, 9, 10])
    assert.deepEqual(await read({ to: 6n }), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(await read({ from: 3n, to: 9n, maxCount: 3n }), [3, 4, 5])
    assert.deepEqual(await read({ from: 21n }), [])
  },
  'a state as it was at each version': async (_, store) => {
    const news = [addedFact(10), addedFact(10), { type: 'DiscountApplied', data: { percent: 10, couponId: 'c' } }]
    for (const fact of news) await store['appendToStream']('travelled', [fact])
    const at = async (to: bigint) =>
      (await store['aggregateStream']('travelled', { evolve, initialState, read: { to } })).state.totalAmount
    assert.deepEqual([await at(1n), await at(2n), await at(3n)], [30, 60, 54])
  },
  "500 appends and reads answer as Emmett's own store does": async (emmett, store) => {
    const own = emmett['getInMemoryEventStore']()
    const random = seededRandom(14)
    const expectations = ['NO_CONCURRENCY_CHECK', 'STREAM_EXISTS', 'STREAM_DOES_NOT_EXIST', 1n, 2n, 3n, 5n, 8n]
    const told = async (of: Emmett, name: string, many: number, expected: unknown): Promise<unknown> => {
      const news = Array.from({ length: many }, (_, at) => addedFact(at))
      try {
        return await of['appendToStream'](name, news, { expectedStreamVersion: expected })
      } catch (error) {
        return emmett['isExpectedVersionConflictError'](error) ? 'conflict' : error
      }
    }
    let conflicts = 0
    for (let at = 0; at < 500; at++) {
      const name = `both-${random.integer(9)}`
      const [many, expected] = [1 + random.integer(3), expectations[random.integer(expectations.length)]]
      const [theirs, ours] = [await told(own, name, many, expected), await told(store, name, many, expected)]
      assert.deepEqual(ours, theirs)
      if (ours === 'conflict') conflicts++
      const state = async (of: Emmett) => {
        const { currentStreamVersion, state, streamExists } = await of['aggregateStream'](name, { evolve, initialState })
        return [currentStreamVersion, state, streamExists, await of['streamExists'](name)]
      }
      assert.deepEqual(await state(store), await state(own))
    }
    assert.ok(conflicts > 100 && conflicts < 400, `${conflicts} conflicts`)
  },
}

/** A store of ours on the embedded database, or what DURE_TEST_ADAPTER names. */
async function withStore<T>(work: (copy: Copy) => Promise<T>): Promise<T> {
  const ends: (() => Promise<void>)[] = []
  try {
    return await work(await rigOf({ after: (end: () => Promise<void>) => void ends.push(end) } as never).copy([shoppingCart]))
  } finally {
    for (const end of ends) await end()
  }
}

if (import.meta.main) {
  const entry = join(process.argv[2]!, 'node_modules/@event-driven-io/emmett/dist/index.js')
  const emmett = (await import(pathToFileURL(entry).href)) as Emmett
  await withStore(async (copy) => {
    for (const [what, judge] of Object.entries(cases)) {
      try {
        await judge(emmett, emmettStore(emmett, copy))
        console.log(`✔ ${what}`)
      } catch (error) {
        console.log(`✖ ${what}: ${String(error)}`)
        process.exitCode = 1
      }
    }
  })
}
