import assert from 'node:assert/strict'
import { z } from 'zod'
import { channel, query, type CallError } from '../contract/contract.ts'
import { DEFAULT_WINDOW } from './credit.ts'
import { code, inTime, never, OutOfStock, until, type Conforms, type HandlerContext } from './transport-rig.conformance.ts'

type N = { readonly n: number }
const N = z.object({ n: z.int() })
const at = (n: number): N => ({ n })

/** A source that counts what was made, and whether it was let go of. */
function source(to: number, value: (n: number) => unknown = at) {
  const seen = { made: 0, opened: 0, letGo: 0 }
  const values = {
    async *[Symbol.asyncIterator]() {
      seen.opened++
      try {
        while (seen.made < to) yield value(seen.made++)
      } finally {
        seen.letGo++
      }
    },
  }
  return { seen, values: values as AsyncIterable<never> }
}

/** What every Transport keeps of a channel: values both ways, backpressure both ways, half-closes, and every way to end. */
export function channelCases(conforms: Conforms): void {
  conforms(
    'a channel carries values both ways, in order, whoever ends first',
    {
      double: channel({ input: z.object({ by: z.int() }), incoming: N, output: N }),
      sum: channel({ incoming: N, output: N }),
      some: channel({ incoming: N, output: z.string() }),
      greets: channel({ incoming: N, output: z.string() }),
      turn: query({}),
    },
    {
      double: async function* ({ by }: { by: number }, incoming: AsyncIterable<N>) {
        for await (const { n } of incoming) yield { n: n * by }
      },
      sum: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        let sum = 0
        for await (const { n } of incoming) sum += n
        yield { n: sum }
      },
      some: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        for await (const { n } of incoming) if (n === 2) break
        yield 'after'
        yield 'that'
      },
      greets: async function* () {
        yield 'hello'
      },
      turn: () => {},
    },
    async ({ client, admission }) => {
      const got: number[] = []
      const thousand = source(1_000)
      for await (const { n } of client.double({ by: 2 }, thousand.values)) got.push(n)
      assert.deepEqual(
        got,
        Array.from({ length: 1_000 }, (_, n) => n * 2),
      )
      // Values of its caller and one answer; a list will do.
      assert.deepEqual(await all(client.sum(undefined, [at(1), at(2), at(3)])), [at(6)])
      assert.deepEqual(await all(client.sum(undefined, [])), [at(0)])
      // The callee has heard enough and goes on answering.
      const endless = source(Infinity)
      assert.deepEqual(await all(client.some(undefined, endless.values)), ['after', 'that'])
      await until(() => endless.seen.letGo === 1)
      assert.ok(endless.seen.made <= 3 + DEFAULT_WINDOW.values, `${endless.seen.made} made`)
      // One that is never read is never opened.
      const unread = source(Infinity)
      assert.deepEqual(await all(client.greets(undefined, unread.values)), ['hello'])
      assert.deepEqual(unread.seen, { made: 0, opened: 0, letGo: 0 })
      // Nothing is begun before somebody asks.
      const idle = source(3)
      await client.sum(undefined, idle.values)[Symbol.asyncIterator]().return?.()
      await client.turn()
      assert.equal(idle.seen.opened, 0)
      await until(() => admission.inside() === 0)
    },
  )

  let taken = 0
  let letIn = Promise.withResolvers<void>()
  conforms(
    'whoever sends runs ahead of a slow reader by the window at most, either way',
    {
      slow: channel({ incoming: z.string(), output: N }),
      fast: channel({ incoming: N, output: z.string() }),
      turn: query({}),
    },
    {
      slow: async function* (_input: unknown, incoming: AsyncIterable<string>) {
        for await (const _ of incoming) {
          taken++
          await letIn.promise
        }
        yield { n: taken }
      },
      fast: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        void incoming
        for (;;) {
          taken++
          yield 'x'
        }
      },
      turn: () => {},
    },
    async ({ client, admission }) => {
      for (const [length, most] of [
        [1, DEFAULT_WINDOW.values],
        [LARGE, Math.ceil(DEFAULT_WINDOW.bytes / LARGE) + 1],
      ] as const) {
        taken = 0
        letIn = Promise.withResolvers()
        const { seen, values } = source(200, () => 'x'.repeat(length))
        const sum = all(client.slow(undefined, values))
        await until(() => taken === 1)
        for (let turns = 0; turns < 5; turns++) await client.turn()
        assert.ok(seen.made <= taken + most, `${seen.made} made when ${taken} were taken`)
        letIn.resolve()
        assert.deepEqual(await sum, [at(200)])
      }
      taken = 0
      let read = 0
      for await (const _ of client.fast(undefined, source(0).values)) {
        for (let turns = 0; turns < 5; turns++) await client.turn()
        assert.ok(taken <= ++read + DEFAULT_WINDOW.values, `${taken} made when ${read} were taken`)
        if (read === 3) break
      }
      await until(() => admission.inside() === 0)
    },
  )

  const ended: string[] = []
  const tell = ({ cancellation }: HandlerContext): void => {
    cancellation.add({ onCancel: (reason) => void ended.push(reason) })
  }
  conforms(
    'a value that does not match its contract ends a channel, whichever way it goes',
    {
      echo: channel({ incoming: N, output: N }),
      wrong: channel({ incoming: N, output: N }),
    },
    {
      // What a handler makes of it changes nothing.
      echo: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        try {
          yield* incoming
        } catch (error) {
          ended.push((error as CallError).code)
        }
      },
      wrong: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        for await (const { n } of incoming) yield { n: n === 1 ? 'x' : n }
      },
    },
    async ({ client, admission }) => {
      for (const [bad, words] of [
        [{ n: 'x' }, /^Call to rig\.echo was ended: a value that its caller sent does not match the contract \(n: .*\)$/],
        [{ n: () => 1 }, /^Call to rig\.echo was ended: a value that its caller sent does not match the contract \(n: .*\)$/],
        [undefined, /^Call to rig\.echo was ended: a value that its caller sent does not match the contract/],
      ] as const) {
        ended.length = 0
        const { seen, values } = source(3, (n) => (n === 1 ? bad : at(n)))
        const { got, error } = await untilFailure(client.echo(undefined, values))
        assert.deepEqual(got, [at(0)])
        code('INVALID_ARGUMENT')(error)
        assert.match((error as CallError).message, words)
        await until(() => seen.letGo === 1 && ended.length === 1)
        assert.deepEqual(ended, ['INVALID_ARGUMENT'])
      }
      const { seen, values } = source(Infinity)
      const { got, error } = await untilFailure(client.wrong(undefined, values))
      assert.deepEqual(got, [at(0)])
      code('INTERNAL')(error)
      await until(() => seen.letGo === 1)
      await assert.rejects(all(client.echo(undefined, 7 as never)), code('INVALID_ARGUMENT'))
      await until(() => admission.inside() === 0)
    },
  )

  const heard: unknown[] = []
  conforms(
    'a channel ends for both sides when either of them fails, leaves, aborts or is out of time',
    {
      failing: channel({ incoming: N, output: N, errors: { OutOfStock } }),
      echo: channel({ incoming: N, output: N }),
      deaf: channel({ incoming: N, output: N }),
    },
    {
      failing: async function* (_input: unknown, incoming: AsyncIterable<N>) {
        for await (const { n } of incoming) {
          if (n === 2) throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
          yield { n }
        }
      },
      echo: async function* (_input: unknown, incoming: AsyncIterable<N>, context: HandlerContext) {
        tell(context)
        try {
          yield* incoming
        } catch (error) {
          heard.push((error as CallError).code)
        }
      },
      deaf: async function* (_input: unknown, incoming: AsyncIterable<N>, context: HandlerContext) {
        tell(context)
        for await (const value of incoming) yield value
        await never
      },
    },
    async ({ client, admission }) => {
      const failing = source(Infinity)
      const outcome = await untilFailure(client.failing(undefined, failing.values))
      assert.deepEqual(outcome.got, [at(0), at(1)])
      assert.ok(OutOfStock.is(outcome.error))
      await until(() => failing.seen.letGo === 1)

      // The caller's own source throws: its caller gets that, after what was answered, and the callee hears that it ends.
      const own = new Error('of its own')
      heard.length = 0
      const broken = source(3, (n) => {
        if (n === 2) throw own
        return at(n)
      })
      const failed = await untilFailure(client.echo(undefined, broken.values))
      assert.deepEqual(failed, { got: [at(0), at(1)], error: own })
      assert.deepEqual(heard, ['CANCELLED'])

      for (const end of ['left', 'aborted'] as const) {
        ended.length = heard.length = 0
        const controller = new AbortController()
        const silent = hanging(at(1))
        const echo = client.echo(undefined, silent.values, { signal: controller.signal })[Symbol.asyncIterator]()
        assert.deepEqual(await echo.next(), { done: false, value: at(1) })
        const next = echo.next().catch((error: unknown) => error)
        if (end === 'left') await echo.return?.()
        else controller.abort()
        if (end === 'left') assert.deepEqual(await next, { done: true, value: undefined })
        else code('CANCELLED')(await next)
        assert.deepEqual(await echo.next(), { done: true, value: undefined })
        await until(() => ended.length === 1 && silent.letGo() && heard.length === 1)
        assert.deepEqual([ended, heard], [['caller'], ['CANCELLED']])
      }

      await inTime(async (timeout) => {
        ended.length = 0
        const late = hanging(at(1))
        const overdue = await untilFailure(client.deaf(undefined, late.values, { timeout }))
        code('DEADLINE_EXCEEDED')(overdue.error)
        await until(() => admission.inside() === 0)
        if (overdue.got.length === 0) return false
        assert.deepEqual(overdue.got, [at(1)])
        await until(() => ended.length === 1 && late.letGo())
        return true
      })
      // What is refused reads nothing of what its caller sends.
      const refused = source(1)
      await assert.rejects(all(client.echo(undefined, refused.values, { timeout: 0 })), code('DEADLINE_EXCEEDED'))
      assert.equal(refused.seen.opened, 0)
      await until(() => admission.inside() === 0)
    },
  )
}

/** Characters of a large value. */
const LARGE = 50_000

/** One value, and then silence. */
function hanging(value: unknown) {
  let letGo = false
  let silent: () => void = () => {}
  const values = {
    [Symbol.asyncIterator]: () => ({
      next: (): Promise<IteratorResult<unknown>> => {
        const next = value
        value = undefined
        if (next !== undefined) return Promise.resolve({ done: false, value: next })
        return new Promise((resolve) => void (silent = () => resolve({ done: true, value: undefined })))
      },
      return: async () => {
        letGo = true
        silent()
        return { done: true, value: undefined }
      },
    }),
  }
  return { values: values as AsyncIterable<never>, letGo: () => letGo }
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = []
  for await (const value of values) got.push(value)
  return got
}

/** What came before its failure, and that. */
async function untilFailure<T>(values: AsyncIterable<T>): Promise<{ readonly got: T[]; readonly error: unknown }> {
  const got: T[] = []
  try {
    for await (const value of values) got.push(value)
  } catch (error) {
    return { got, error }
  }
  assert.fail('It did not fail')
}
