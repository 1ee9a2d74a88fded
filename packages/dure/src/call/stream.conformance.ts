import assert from 'node:assert/strict'
import { z } from 'zod'
import { query, stream } from '../contract/contract.ts'
import { DEFAULT_WINDOW } from './credit.ts'
import { code, inTime, never, OutOfStock, until, type Conforms } from './transport-rig.conformance.ts'

/** Characters of a large value. */
const LARGE = 50_000

/** What every Transport keeps of a server stream: order, backpressure, and every way to end. */
export function streamCases(conforms: Conforms): void {
  let made = 0
  let cleaned = 0
  conforms(
    'a stream keeps its order, and a producer runs ahead by no more values than the window',
    { ticks: stream({ input: z.object({ from: z.int(), to: z.int() }), output: z.object({ n: z.int() }) }) },
    {
      ticks: async function* ({ from, to }: { from: number; to: number }) {
        try {
          for (let n = from; n < to; n++) {
            made++
            yield { n }
          }
        } finally {
          cleaned++
        }
      },
    },
    async ({ client, admission }) => {
      const got: number[] = []
      for await (const { n } of client.ticks({ from: 5, to: 1_005 })) {
        got.push(n)
        assert.ok(made <= got.length + DEFAULT_WINDOW.values, `${made} made when ${got.length} were taken`)
      }
      assert.deepEqual(
        got,
        Array.from({ length: 1_000 }, (_, i) => i + 5),
      )
      await until(() => cleaned === 1)
      made = 0
      for await (const { n } of client.ticks({ from: 0, to: 1_000_000 })) if (n === 2) break
      await until(() => cleaned === 2 && admission.inside() === 0)
      assert.ok(made <= 3 + DEFAULT_WINDOW.values, `${made} made when 3 were taken`)
      const iterator = client.ticks({ from: 0, to: 2 })[Symbol.asyncIterator]()
      const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
      assert.deepEqual(
        results.map(({ done = false }) => done),
        [false, false, true, true],
      )
      // Never begun: nothing was asked for, so nothing was made.
      made = 0
      await client.ticks({ from: 0, to: 5 })[Symbol.asyncIterator]().return?.()
      assert.equal(made, 0)
    },
  )

  let large = 0
  conforms(
    'a producer runs ahead of a slow consumer by no more bytes than the window, and one value',
    { pages: stream({ output: z.string() }), turn: query({}) },
    {
      pages: async function* () {
        for (; ; large++) yield 'x'.repeat(LARGE)
      },
      turn: () => {},
    },
    async ({ client, admission }) => {
      let taken = 0
      for await (const page of client.pages()) {
        assert.equal(page.length, LARGE)
        // Long enough for everything that may be made to be made, and to come.
        for (let turns = 0; turns < 5; turns++) await client.turn()
        assert.ok((large - ++taken) * LARGE <= DEFAULT_WINDOW.bytes + LARGE, `${large} made when ${taken} were taken`)
        if (taken === 12) break
      }
      await until(() => admission.inside() === 0)
    },
  )

  conforms(
    'what was made before a failure is handed out before it; who ends a stream gets no more of it',
    { breaking: stream({ output: z.int(), errors: { OutOfStock } }), endless: stream({ output: z.int() }), turn: query({}) },
    {
      breaking: async function* () {
        yield* [1, 2, 3]
        throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
      },
      endless: async function* () {
        for (let n = 1; ; n++) yield n
      },
      turn: () => {},
    },
    async ({ client, admission }) => {
      const breaking = client.breaking()[Symbol.asyncIterator]()
      const got = [(await breaking.next()).value]
      for (let turns = 0; turns < 5; turns++) await client.turn()
      got.push((await breaking.next()).value, (await breaking.next()).value)
      assert.deepEqual(got, [1, 2, 3])
      await assert.rejects(breaking.next(), (thrown) => OutOfStock.is(thrown))
      assert.equal((await breaking.next()).done, true)
      const controller = new AbortController()
      const endless = client.endless(undefined, { signal: controller.signal })[Symbol.asyncIterator]()
      await endless.next()
      for (let turns = 0; turns < 5; turns++) await client.turn()
      controller.abort()
      await assert.rejects(endless.next(), code('CANCELLED'))
      assert.equal((await endless.next()).done, true)
      await until(() => admission.inside() === 0)
    },
  )

  let asleep = 0
  conforms(
    'a stream ends with its deadline, its caller, its failure, even while its handler sleeps',
    {
      sleepy: stream({ output: z.object({ n: z.int() }) }),
      endless: stream({ output: z.object({ n: z.int() }), deadline: 60_000 }),
      wrong: stream({ output: z.object({ n: z.int() }) }),
      failing: stream({ output: z.object({ n: z.int() }), errors: { OutOfStock } }),
    },
    {
      sleepy: async function* () {
        yield { n: 1 }
        await never
      },
      endless: async function* () {
        yield { n: 1 }
        asleep++
        await never
      },
      wrong: async function* () {
        yield { n: 'x' }
      },
      failing: async function* () {
        yield { n: 1 }
        throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
      },
    },
    async ({ client, admission }) => {
      await inTime(async (timeout) => {
        const sleepy = client.sleepy(undefined, { timeout })[Symbol.asyncIterator]()
        const first = await sleepy.next().catch(code('DEADLINE_EXCEEDED'))
        if (first === true) return false
        assert.deepEqual(first.value, { n: 1 })
        await assert.rejects(sleepy.next(), code('DEADLINE_EXCEEDED'))
        assert.equal((await sleepy.next()).done, true)
        return true
      })
      const controller = new AbortController()
      const endless = client.endless(undefined, { signal: controller.signal })[Symbol.asyncIterator]()
      await endless.next()
      const second = assert.rejects(endless.next(), code('CANCELLED'))
      await until(() => asleep === 1)
      controller.abort()
      await second
      await assert.rejects(client.wrong()[Symbol.asyncIterator]().next(), code('INTERNAL'))
      const failing = client.failing()[Symbol.asyncIterator]()
      await failing.next()
      await assert.rejects(failing.next(), (thrown) => OutOfStock.is(thrown))
      await until(() => admission.inside() === 0)
    },
  )
}
