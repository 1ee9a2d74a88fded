import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, error, query, stream, type Operations } from '../contract/contract.ts'
import { createDeadlines, realRuntime, type Runtime } from '../runtime/runtime.ts'
import { clientFactory, createEndpoint, createGate, createLocalTransport, createOperationMetrics } from './call.ts'
import type { CallContext, Cancellation, Client, Gate, LocalTransport, Transport } from './call.ts'

/** Joins a caller to a callee's local transport: what a caller uses, and how to take it away again. */
export type Link = { readonly transport: Transport; readonly stop: () => Promise<void> }
export type MakeLink = (local: LocalTransport, runtime: Runtime) => Promise<Link>

type HandlerContext = CallContext & { readonly signal: AbortSignal; readonly cancellation: Cancellation }
type Handlers<Ops extends Operations> = { [K in keyof Ops]: (input: never, context: HandlerContext) => unknown }

type Rig<Ops extends Operations> = {
  readonly client: Client<ReturnType<typeof defined<Ops>>>
  readonly transport: Transport
  readonly runtime: Runtime
  readonly gate: Gate
}

const defined = <Ops extends Operations>(operations: Ops) => contract('rig', { version: '1.0.0', owner: 'tests', operations })

/** Waits for a condition, not for a time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => void setTimeout(resolve, 2))
}

const never = new Promise<never>(() => {})
const code = (expected: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof CallError, String(thrown))
  assert.equal(thrown.code, expected, thrown.message)
  return true
}

const OutOfStock = error('OUT_OF_STOCK', {
  data: z.object({ sku: z.string(), at: z.date(), left: z.bigint() }),
  status: 'ABORTED',
})
const Bare = error('BARE')

/** Registers the cases that every Transport has to pass with `node:test`: the same answers wherever the callee runs. */
export function transportConformance(name: string, makeLink: MakeLink): void {
  async function withRig<Ops extends Operations>(
    operations: Ops,
    handlers: Handlers<Ops>,
    work: (rig: Rig<Ops>) => Promise<void>,
  ) {
    const runtime = realRuntime()
    const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
    const local = createLocalTransport()
    const gate = createGate({ service: 'rig', capacity: 1_000 })
    const definition = defined(operations)
    for (const [operationName, operation] of Object.entries(operations)) {
      const endpoint = createEndpoint({
        place: `rig.${operationName}`,
        operation,
        handler: handlers[operationName] as (input: unknown, context: unknown) => unknown,
        context: (call: CallContext, cancellation: Cancellation): HandlerContext => ({
          sentAt: call.sentAt,
          deadline: call.deadline,
          correlationId: call.correlationId,
          causationId: call.causationId,
          traceparent: call.traceparent,
          caller: call.caller,
          idempotencyKey: call.idempotencyKey,
          cancellation,
          signal: cancellation.signal,
        }),
        gate,
        clock: runtime.clock,
        deadlines,
        metrics: createOperationMetrics(),
        onFault: () => {},
      })
      local.add({ service: 'rig', operation: operationName }, endpoint)
    }
    gate.open()
    const { transport, stop } = await makeLink(local, runtime)
    try {
      const client = clientFactory({ contract: definition, transport, runtime })({ service: 'tester' }) as Client<
        typeof definition
      >
      await work({ client, transport, runtime, gate })
    } finally {
      await stop()
      deadlines.stop()
    }
  }
  const conforms = <Ops extends Operations>(
    title: string,
    operations: Ops,
    handlers: Handlers<Ops>,
    work: (rig: Rig<Ops>) => Promise<void>,
  ): void => void test(`${name}: ${title}`, { timeout: 30_000 }, () => withRig(operations, handlers, work))

  conforms(
    'values come back as they went',
    { echo: query({ input: z.unknown(), output: z.unknown() }) },
    { echo: (input: unknown) => input },
    async ({ client }) => {
      for (const value of VALUES) assert.deepStrictEqual(await client.echo(value), value)
      const shared = { a: 1 }
      const copy = (await client.echo([shared, shared])) as unknown[]
      assert.deepStrictEqual(copy, [{ a: 1 }, { a: 1 }])
    },
  )

  conforms(
    'what cannot travel is refused with its place, before the handler',
    { echo: query({ input: z.unknown() }) },
    { echo: () => assert.fail('It must not run') },
    async ({ client }) => {
      class Money {
        amount = 1
      }
      const cyclic: unknown[] = []
      cyclic.push(cyclic)
      let deep: unknown = 1
      for (let i = 0; i < 300; i++) deep = [deep]
      const issues = async (bad: unknown): Promise<unknown> => {
        const thrown = await client.echo(bad).then(
          () => assert.fail('It was taken'),
          (failure: unknown) => failure,
        )
        code('INVALID_ARGUMENT')(thrown)
        return [(thrown as CallError).message, (thrown as CallError).details]
      }
      assert.deepEqual(await issues({ a: [new Money()] }), [
        'Call to rig.echo was refused: its input does not match the contract (a.0: An instance of class "Money" cannot travel: use a plain object)',
        {
          issues: [{ path: ['a', 0], message: 'An instance of class "Money" cannot travel: use a plain object' }],
        },
      ])
      for (const bad of [
        () => 1,
        Symbol('s'),
        new Date(Number.NaN),
        /x/,
        Promise.resolve(1),
        new Error('e'),
        cyclic,
        deep,
        new Float32Array(1),
      ])
        await issues(bad)
    },
  )

  conforms(
    'neither side sees the other change a value',
    { keep: query({ input: z.object({ list: z.array(z.unknown()) }), output: z.object({ list: z.array(z.unknown()) }) }) },
    {
      keep: (input: { list: unknown[] }) => {
        input.list.push('callee')
        return input
      },
    },
    async ({ client }) => {
      const sent = { list: [{ n: 1 }] as unknown[] }
      const answer = client.keep(sent)
      ;(sent.list[0] as { n: number }).n = 2
      assert.deepEqual(await answer, { list: [{ n: 1 }, 'callee'] })
      assert.deepEqual(sent, { list: [{ n: 2 }] })
    },
  )

  conforms(
    'errors keep their codes and fields',
    {
      fail: command({
        input: z.object({ how: z.string() }),
        errors: { OutOfStock, Bare },
      }),
      answers: query({ output: z.object({ id: z.string() }) }),
    },
    {
      fail: ({ how }: { how: string }) => {
        if (how === 'declared') throw OutOfStock({ sku: 'x', at: new Date(5), left: 2n ** 70n })
        if (how === 'bare') throw Bare()
        if (how === 'canonical') throw new CallError('NOT_FOUND', 'no such thing', { details: { id: 1, at: new Date(7) } })
        if (how === 'text') throw 'a text'
        throw new TypeError('password=1')
      },
      answers: () => ({ id: 5 }),
    },
    async ({ client }) => {
      await assert.rejects(client.fail({ how: 'declared' }), (thrown) => {
        assert.ok(OutOfStock.is(thrown))
        assert.deepEqual(thrown.data, { sku: 'x', at: new Date(5), left: 2n ** 70n })
        assert.deepEqual([thrown.message, thrown.status], ['Out of stock', 'ABORTED'])
        return true
      })
      const attempt = await client.fail.attempt({ how: 'bare' })
      assert.ok(!attempt.ok && attempt.error.data === undefined)
      await assert.rejects(client.fail({ how: 'canonical' }), (thrown) => {
        code('NOT_FOUND')(thrown)
        assert.equal((thrown as CallError).message, 'no such thing')
        assert.deepEqual((thrown as CallError).details, { id: 1, at: new Date(7) })
        return true
      })
      await assert.rejects(client.fail({ how: 'text' }), code('UNKNOWN'))
      await assert.rejects(
        client.fail({ how: 'else' }),
        (thrown) => code('INTERNAL')(thrown) && !String(thrown).includes('password'),
      )
      await assert.rejects(client.fail({ how: 1 } as never), (thrown) => {
        code('INVALID_ARGUMENT')(thrown)
        assert.deepEqual(((thrown as CallError).details['issues'] as { path: unknown }[])[0]?.path, ['how'])
        return true
      })
      await assert.rejects(client.answers(), code('INTERNAL'))
    },
  )

  const contexts: HandlerContext[] = []
  conforms(
    'what goes with a call arrives with it',
    { go: command({ deadline: 60_000 }) },
    { go: (_input: undefined, context: HandlerContext) => void contexts.push(context) },
    async ({ client, runtime }) => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      await client.go(undefined, { correlationId: 'ключ/鍵', traceparent, idempotencyKey: 'once', timeout: 5_000 })
      await client.go()
      const [full, bare] = contexts as [HandlerContext, HandlerContext]
      assert.deepEqual(
        [full.correlationId, full.traceparent, full.idempotencyKey, full.caller, full.causationId],
        ['ключ/鍵', traceparent, 'once', 'tester', undefined],
      )
      const left = full.deadline - runtime.clock.monotonic()
      assert.ok(left > 0 && left <= 5_001, `${left} ms are left`)
      assert.deepEqual([bare.traceparent, bare.idempotencyKey], [undefined, undefined])
      assert.match(bare.correlationId, /^[0-9a-f-]{36}$/)
    },
  )

  const told: unknown[] = []
  conforms(
    'nobody waits past the deadline, and the handler is told',
    { wait: query({ deadline: 40 }), quick: query({}) },
    {
      wait: (_input: undefined, { signal }: HandlerContext) => {
        signal.addEventListener('abort', () => told.push(signal.reason))
        return never
      },
      quick: () => {},
    },
    async ({ client, gate }) => {
      await assert.rejects(client.wait(), (thrown) => {
        assert.equal((thrown as Error).message, 'Call to rig.wait was not answered before its deadline')
        return code('DEADLINE_EXCEEDED')(thrown)
      })
      await until(() => told.length === 1 && gate.inside() === 0)
      assert.equal((told[0] as DOMException).name, 'TimeoutError')
      await assert.rejects(client.quick(undefined, { timeout: 0 }), code('DEADLINE_EXCEEDED'))
      await client.quick()
    },
  )

  const aborted: unknown[] = []
  let entered = 0
  conforms(
    'a caller that gives up is told at once, and the handler ends',
    { wait: query({ deadline: 60_000 }) },
    {
      wait: (_input: undefined, { signal }: HandlerContext) => {
        entered++
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        return never
      },
    },
    async ({ client, gate }) => {
      const controller = new AbortController()
      const answer = assert.rejects(client.wait(undefined, { signal: controller.signal }), code('CANCELLED'))
      await until(() => entered === 1)
      controller.abort()
      await answer
      await until(() => aborted.length === 1 && gate.inside() === 0)
      assert.equal((aborted[0] as DOMException).name, 'AbortError')
      await assert.rejects(client.wait(undefined, { signal: AbortSignal.abort() }), code('CANCELLED'))
      assert.equal(entered, 1)
    },
  )

  conforms(
    'calls overtake each other and none is mixed up',
    { echo: query({ input: z.object({ n: z.int(), pad: z.string() }), output: z.object({ n: z.int(), size: z.int() }) }) },
    {
      echo: async ({ n, pad }: { n: number; pad: string }) => {
        if (n % 3 === 0) await new Promise((resolve) => void setTimeout(resolve, n % 5))
        return { n, size: pad.length }
      },
    },
    async ({ client }) => {
      const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => client.echo({ n, pad: 'é'.repeat(n * 7) })))
      answers.forEach((answer, n) => assert.deepEqual(answer, { n, size: n * 7 }))
      const large = 'x'.repeat(3_000_000)
      assert.deepEqual(await client.echo({ n: 1, pad: large }), { n: 1, size: large.length })
    },
  )

  conforms('what does not run is UNAVAILABLE', { go: command({}) }, { go: () => {} }, async ({ transport, runtime }) => {
    const Other = contract('other', { version: '1.0.0', owner: 'tests', operations: { go: command({}), see: stream({}) } })
    const other = clientFactory({ contract: Other, transport, runtime })({ service: undefined })
    await assert.rejects(other.go(), (thrown) => {
      assert.equal((thrown as Error).message, 'Call to other.go failed: no service "other" runs here')
      return code('UNAVAILABLE')(thrown)
    })
    await assert.rejects(other.see()[Symbol.asyncIterator]().next(), code('UNAVAILABLE'))
    const More = contract('rig', { version: '1.1.0', owner: 'tests', operations: { later: command({}) } })
    await assert.rejects(
      clientFactory({ contract: More, transport, runtime })({ service: undefined }).later(),
      code('UNAVAILABLE'),
    )
  })

  let made = 0
  let cleaned = 0
  conforms(
    'a stream keeps its order, makes a value only when asked, and is let go of early',
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
    async ({ client, gate }) => {
      const got: number[] = []
      for await (const { n } of client.ticks({ from: 5, to: 25 })) got.push(n)
      assert.deepEqual(
        got,
        Array.from({ length: 20 }, (_, i) => i + 5),
      )
      await until(() => cleaned === 1)
      made = 0
      for await (const { n } of client.ticks({ from: 0, to: 1_000_000 })) if (n === 2) break
      await until(() => cleaned === 2 && gate.inside() === 0)
      assert.equal(made, 3)
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

  let asleep = 0
  conforms(
    'a stream ends with its deadline, its caller, its failure, even while its handler sleeps',
    {
      sleepy: stream({ output: z.object({ n: z.int() }), deadline: 60 }),
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
    async ({ client, gate }) => {
      const sleepy = client.sleepy()[Symbol.asyncIterator]()
      assert.deepEqual((await sleepy.next()).value, { n: 1 })
      await assert.rejects(sleepy.next(), code('DEADLINE_EXCEEDED'))
      assert.equal((await sleepy.next()).done, true)
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
      await until(() => gate.inside() === 0)
    },
  )

  conforms(
    'a handler that is stopping or full says so',
    { go: query({ deadline: 60_000 }) },
    { go: () => never },
    async ({ client, gate }) => {
      const full = Array.from({ length: 1_000 }, () => client.go().catch((failure: unknown) => failure))
      await until(() => gate.inside() === 1_000)
      await assert.rejects(client.go(), code('RESOURCE_EXHAUSTED'))
      void gate.drain()
      await assert.rejects(client.go(), code('UNAVAILABLE'))
      void full
    },
  )
}

/** Hostile values: everything the wire type system has, at its edges. */
const deepest = (): unknown => {
  let value: unknown = new Map([[1n, new Date(1)]])
  for (let i = 0; i < 150; i++) value = i % 2 === 0 ? [value] : { value }
  return value
}

const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  '',
  'текст 🐘 \u0000 \u2028',
  '\ud800 alone',
  '\ufeff marked',
  `\ufeff${'long and marked '.repeat(20)}`,
  'x'.repeat(70_000),
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_VALUE,
  1.1,
  -1,
  -33,
  -129,
  -32_769,
  -2_147_483_649,
  127,
  128,
  65_536,
  4_294_967_296,
  0n,
  -1n,
  2n ** 63n,
  -(2n ** 63n),
  -(2n ** 63n) - 1n,
  2n ** 64n,
  2n ** 64n - 1n,
  2n ** 2_000n,
  -(2n ** 2_000n) + 1n,
  2n ** 70_000n + 1n,
  new Date(0),
  new Date(-1),
  new Date(1),
  new Date(1_500),
  new Date(1_763_700_000_123),
  new Date(4_294_967_295_999),
  new Date(4_294_967_296_000),
  new Date(8_640_000_000_000_000),
  new Date(-8_640_000_000_000_000),
  new Uint8Array([1, 2, 255]),
  new Uint8Array(),
  new Uint8Array(100_000),
  new Map<unknown, unknown>([
    [1, 'number'],
    ['1', 'text'],
    [{ key: 1 }, new Set([-0 + 1, 'a', new Map()])],
    [undefined, null],
  ]),
  new Set<unknown>([[1], { a: undefined }]),
  [],
  [undefined, null, [[]]],
  {},
  { a: undefined, b: null, 'strange key\ud800': 1, '': 2 },
  JSON.parse('{"__proto__":{"x":1},"constructor":1,"hasOwnProperty":2,"toJSON":3,"toString":4,"length":5}'),
  Object.assign(Object.create(null) as object, { bare: 1 }),
  Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`key ${n}`, n])),
  { $dure: 'date', value: 'x' },
  [0, 1, 2, 3],
  deepest(),
]
