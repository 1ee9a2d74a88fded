import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { CallError, command, DeclaredError, error, query, stream } from '../contract/contract.ts'
import { callRig, type RigContext } from './rig.test-support.ts'

const Order = z.object({
  id: z.string(),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })),
  at: z.date().optional(),
})
const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ sku: z.string() }), status: 'FAILED_PRECONDITION' })
const order = { id: 'a', lines: [{ sku: 'x', quantity: 1 }] }

const code = (expected: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof CallError, String(thrown))
  assert.equal(thrown.code, expected)
  return true
}
const never = new Promise<never>(() => {})

test('neither side sees the other change a value', async () => {
  let kept: z.infer<typeof Order> | undefined
  const { client } = callRig({
    operations: { place: command({ input: Order, output: Order }) },
    handlers: {
      place: (input: z.infer<typeof Order>) => {
        input.lines.push({ sku: 'callee', quantity: 1 })
        input.at?.setTime(0)
        kept = input
        return input
      },
    },
  })
  const sent = { ...order, lines: [{ sku: 'x', quantity: 1 }], at: new Date(1_000) }
  const got = await client.place(sent)
  assert.deepEqual(sent, { id: 'a', lines: [{ sku: 'x', quantity: 1 }], at: new Date(1_000) })
  assert.equal(got.lines.length, 2)
  got.lines.length = 0
  got.at!.setTime(77)
  assert.equal(kept!.lines.length, 2)
  assert.equal(kept!.at!.getTime(), 0)
})

test('input is parsed once: defaults and transforms apply exactly once', async () => {
  const { client } = callRig({
    operations: {
      add: query({
        input: z.object({ n: z.int().transform((n) => n + 1), step: z.int().default(10) }),
        output: z.object({ sum: z.int().transform((n) => n * 2) }),
      }),
    },
    handlers: { add: (input: { n: number; step: number }) => ({ sum: input.n + input.step }) },
  })
  assert.deepEqual(await client.add({ n: 1 }), { sum: 24 })
})

test('a wrong input is refused with every place that is wrong, before the handler', async () => {
  const { client } = callRig({
    operations: { place: command({ input: Order, output: Order }) },
    handlers: { place: () => assert.fail('it must not run') },
  })
  await assert.rejects(client.place({ id: 1, lines: [{ sku: 'x', quantity: -1 }] } as never), (thrown) => {
    assert.ok(thrown instanceof CallError)
    assert.equal(thrown.code, 'INVALID_ARGUMENT')
    const issues = thrown.details['issues'] as { path: unknown[] }[]
    assert.deepEqual(
      issues.map(({ path }) => path),
      [['id'], ['lines', 0, 'quantity']],
    )
    assert.match(thrown.message, /rig\.place/)
    return true
  })
})

test('values that cannot travel are refused wherever the callee runs', async () => {
  class Money {
    amount = 1
  }
  const cyclic: { id: string; lines: unknown[]; extra?: unknown } = { id: 'a', lines: [] }
  cyclic.extra = cyclic
  const { client } = callRig({
    operations: {
      echo: query({
        input: z.object({ id: z.string(), lines: z.array(z.unknown()), extra: z.unknown().optional() }),
        output: z.unknown(),
      }),
    },
    handlers: { echo: (input: unknown) => input },
  })
  for (const bad of [
    cyclic,
    { id: 'a', lines: [new Money()] },
    { id: 'a', lines: [() => 1] },
    { id: 'a', lines: [Symbol('s')] },
    Object.assign(new Money(), { id: 'a', lines: [] }),
  ]) {
    await assert.rejects(client.echo(bad as never), code('INVALID_ARGUMENT'))
  }
  assert.deepEqual(await client.echo({ id: 'a', lines: [new Map([[1n, new Set([new Date(5)])]]), Number.NaN] }), {
    id: 'a',
    lines: [new Map([[1n, new Set([new Date(5)])]]), Number.NaN],
  })
})

test('a declared error arrives typed, and attempt gives it as a value', async () => {
  const { client } = callRig({
    operations: { place: command({ input: Order, output: Order, errors: { OutOfStock } }) },
    handlers: {
      place: () => {
        throw OutOfStock({ sku: 'x' })
      },
    },
  })
  await assert.rejects(
    client.place(order),
    (thrown) => OutOfStock.is(thrown) && thrown.data.sku === 'x' && thrown.code === 'OUT_OF_STOCK',
  )
  const answer = await client.place.attempt(order)
  assert.ok(!answer.ok)
  assert.equal(answer.error.data.sku, 'x')
  assert.ok(answer.error instanceof DeclaredError)
})

test('every other thing a handler may throw has one defined outcome', async () => {
  const throwing = (thrown: unknown) =>
    callRig({
      operations: { go: command({}) },
      handlers: {
        go: async () => {
          throw thrown
        },
      },
    })
  const secret = throwing(new TypeError('password=1'))
  await assert.rejects(secret.client.go(), (thrown) => code('INTERNAL')(thrown) && !String(thrown).includes('password'))
  assert.equal((secret.faults[0] as Error).message, 'password=1')
  await assert.rejects(throwing('a string').client.go(), code('UNKNOWN'))
  await assert.rejects(throwing(undefined).client.go(), code('UNKNOWN'))
  await assert.rejects(
    throwing(new CallError('NOT_FOUND', 'no such thing', { details: { id: 1 } })).client.go(),
    (thrown) => code('NOT_FOUND')(thrown) && (thrown as CallError).details['id'] === 1,
  )
  await assert.rejects(throwing(OutOfStock({ sku: 'x' })).client.go(), code('INTERNAL'))
})

test('an answer that breaks the contract is the service’s fault, not the caller’s', async () => {
  const { client, faults } = callRig({
    operations: { find: query({ output: z.object({ id: z.string() }) }) },
    handlers: { find: () => ({ id: 5 }) },
  })
  await assert.rejects(client.find(), code('INTERNAL'))
  assert.equal(faults.length, 1)
})

test('nobody waits past the deadline, and the handler is told', async () => {
  let told: unknown
  const rig = callRig({
    operations: { wait: query({ deadline: 1_000 }) },
    handlers: {
      wait: (_input: undefined, { signal }: RigContext) => {
        signal.addEventListener('abort', () => (told = signal.reason))
        return never
      },
    },
  })
  const answer = assert.rejects(rig.client.wait(), code('DEADLINE_EXCEEDED'))
  await rig.world.advance(1_100)
  await answer
  assert.equal((told as DOMException).name, 'TimeoutError')
  assert.equal(rig.admission.inside(), 0)
  const shorter = assert.rejects(rig.client.wait(undefined, { timeout: 50 }), code('DEADLINE_EXCEEDED'))
  await rig.world.advance(100)
  await shorter
  await assert.rejects(rig.client.wait(undefined, { timeout: 0 }), code('DEADLINE_EXCEEDED'))
})

test('a deadline shrinks hop by hop, and the end of a call ends the calls it made', async () => {
  const left: number[] = []
  const ended: string[] = []
  const rig = callRig({
    operations: { outer: query({ deadline: 1_000 }), inner: query({ deadline: 60_000 }) },
    handlers: {
      outer: (_input: undefined, context: RigContext): unknown => {
        left.push(context.deadline - rig.world.clock.monotonic())
        return rig.factory({ service: 'rig', parent: context }).inner()
      },
      inner: (_input: undefined, context: RigContext): unknown => {
        left.push(context.deadline - rig.world.clock.monotonic())
        context.cancellation.add({ onCancel: (reason) => ended.push(reason) })
        return never
      },
    },
  })
  const controller = new AbortController()
  const answer = assert.rejects(rig.client.outer(undefined, { signal: controller.signal }), code('CANCELLED'))
  await rig.world.advance(100)
  controller.abort()
  await answer
  assert.deepEqual(left, [1_000, 1_000])
  assert.deepEqual(ended, ['caller'])
  assert.equal(rig.admission.inside(), 0)
})

test('a call with a signal that is aborted already does not reach the handler', async () => {
  let ran = 0
  const { client } = callRig({ operations: { go: command({}) }, handlers: { go: () => void ran++ } })
  await assert.rejects(client.go(undefined, { signal: AbortSignal.abort() }), code('CANCELLED'))
  assert.equal(ran, 0)
})

test('a full service refuses, a draining one too, and drain waits for who is inside', async () => {
  let finish: () => void = () => {}
  const rig = callRig({
    operations: { go: command({}) },
    handlers: { go: () => new Promise<void>((resolve) => (finish = resolve)) },
    capacity: 1,
  })
  const first = rig.client.go()
  await assert.rejects(rig.client.go(), code('RESOURCE_EXHAUSTED'))
  let drained = false
  const drain = rig.admission.drain().then(() => (drained = true))
  await assert.rejects(rig.client.go(), code('UNAVAILABLE'))
  assert.equal(drained, false)
  finish()
  await first
  await drain
})

test('where there is not room for all, those of low priority are turned away first, and those of high last', async () => {
  const of = (priority: 'high' | 'low') => command({ policy: { priority } })
  const rig = callRig({
    operations: { pay: of('high'), look: command({}), count: of('low') },
    handlers: { pay: () => never, look: () => never, count: () => never },
    capacity: 10,
  })
  const { pay, look, count } = rig.client
  const outcomes = [count, look, pay].map((ask) => Array.from({ length: 10 }, () => ask().catch((error: unknown) => error)))
  const refused = outcomes.map(async (calls) => {
    const ended = await Promise.all(calls.map((call) => Promise.race([call, Promise.resolve().then(() => undefined)])))
    return ended.filter((error) => (error as CallError | undefined)?.code === 'RESOURCE_EXHAUSTED')
  })
  const [counts, looks, pays] = await Promise.all(refused)
  assert.deepEqual([counts!.length, looks!.length, pays!.length], [5, 6, 9])
  assert.match((counts![0] as CallError).message, /at its limit of 5 calls of low priority \(10 in all\) at once/)
})

test('calls that outlast a stop end as UNAVAILABLE', async () => {
  const rig = callRig({ operations: { go: command({}) }, handlers: { go: () => never } })
  const answer = assert.rejects(rig.client.go(), code('UNAVAILABLE'))
  const drain = rig.admission.drain()
  rig.admission.expel()
  rig.deadlines.expireAll()
  await answer
  await drain
})

test('a service that does not run here is UNAVAILABLE', async () => {
  const rig = callRig({ operations: { go: command({}) }, handlers: { go: () => {} } })
  rig.transport.remove('rig')
  await assert.rejects(rig.client.go(), code('UNAVAILABLE'))
})

test('outcomes are counted and timed', async () => {
  const rig = callRig({ operations: { find: query({ input: z.object({ id: z.string() }) }) }, handlers: { find: () => {} } })
  await rig.client.find({ id: 'a' })
  await rig.client.find({} as never).catch(() => {})
  assert.deepEqual(
    [...rig.metrics['find']!.codes],
    [
      ['OK', 1],
      ['INVALID_ARGUMENT', 1],
    ],
  )
  assert.equal(rig.metrics['find']!.duration.snapshot().count, 2)
})

const Tick = z.object({ n: z.int() })

test('a stream gives its values in order, asks only when asked, and lets its handler clean up', async () => {
  let made = 0
  let cleaned = false
  const rig = callRig({
    operations: { ticks: stream({ input: z.object({ from: z.int() }), output: Tick }) },
    handlers: {
      ticks: async function* ({ from }: { from: number }) {
        try {
          for (let n = from; ; n++) {
            made++
            yield { n }
          }
        } finally {
          cleaned = true
        }
      },
    },
  })
  const got: number[] = []
  for await (const { n } of rig.client.ticks({ from: 5 })) {
    got.push(n)
    if (got.length === 3) break
  }
  assert.deepEqual(got, [5, 6, 7])
  assert.equal(made, 3)
  assert.equal(cleaned, true)
  assert.equal(rig.admission.inside(), 0)
})

test('a stream ends with its deadline even while its handler sleeps, and breaks on a bad value', async () => {
  const rig = callRig({
    operations: {
      sleepy: stream({ output: Tick, deadline: 500 }),
      wrong: stream({ output: Tick }),
      failing: stream({ output: Tick, errors: { OutOfStock } }),
    },
    handlers: {
      sleepy: async function* () {
        yield { n: 1 }
        await never
      },
      wrong: async function* () {
        yield { n: 'x' }
      },
      failing: async function* () {
        yield { n: 1 }
        throw OutOfStock({ sku: 'y' })
      },
    },
  })
  const sleepy = rig.client.sleepy()[Symbol.asyncIterator]()
  assert.deepEqual((await sleepy.next()).value, { n: 1 })
  const second = assert.rejects(sleepy.next(), code('DEADLINE_EXCEEDED'))
  await rig.world.advance(600)
  await second
  assert.equal((await sleepy.next()).done, true)
  await assert.rejects(rig.client.wrong()[Symbol.asyncIterator]().next(), code('INTERNAL'))
  const failing = rig.client.failing()[Symbol.asyncIterator]()
  await failing.next()
  await assert.rejects(failing.next(), (thrown) => OutOfStock.is(thrown))
  assert.equal(rig.admission.inside(), 0)
})

test('a stream whose caller is gone, or whose time is over, before it begins never reaches its handler', async () => {
  let begun = 0
  const rig = callRig({
    operations: { ticks: stream({ output: Tick }) },
    handlers: {
      ticks: async function* () {
        begun++
        yield { n: 1 }
        await never
      },
    },
  })
  const gone = rig.client.ticks(undefined, { signal: AbortSignal.abort() })[Symbol.asyncIterator]()
  await assert.rejects(gone.next(), code('CANCELLED'))
  assert.equal((await gone.next()).done, true)
  const late = rig.client.ticks(undefined, { timeout: 0 })[Symbol.asyncIterator]()
  await assert.rejects(late.next(), code('DEADLINE_EXCEEDED'))
  assert.equal((await late.next()).done, true)
  assert.equal(begun, 0)
  assert.equal(rig.admission.inside(), 0)
})

test('details that cannot travel are left out, and code and message stay', async () => {
  const rig = callRig({
    operations: { at: query({}), later: query({}) },
    handlers: {
      at: () => {
        throw new CallError('DATA_LOSS', 'Gone', { details: { call: () => 1 } })
      },
      later: async () => {
        await Promise.resolve()
        throw new CallError('DATA_LOSS', 'Gone', { details: { call: () => 1 } })
      },
    },
  })
  for (const call of [rig.client.at, rig.client.later])
    await assert.rejects(call(), (thrown: CallError) => {
      assert.deepEqual([thrown.code, thrown.message, thrown.details], ['DATA_LOSS', 'Gone', {}])
      return true
    })
})

test('a call that runs out of time together with what it asked of another says the same whoever notices first', async () => {
  const rig = callRig({
    operations: { outer: query({ deadline: 1_000 }), each: stream({ output: Tick, deadline: 1_000 }) },
    handlers: {
      outer: () => asked(),
      each: async function* () {
        yield await asked()
      },
    },
  })
  // The other's answer is here at the very moment, a tick before the deadline's own timer.
  const asked = async (): Promise<never> => {
    await rig.world.timers.sleep(1_000)
    throw new CallError('DEADLINE_EXCEEDED', 'Call to other.never was not answered before its deadline')
  }
  const late = [rig.client.outer(), rig.client.each()[Symbol.asyncIterator]().next()].map((call) =>
    assert.rejects(call, /^CallError: Call to rig\.(outer|each) was not answered before its deadline$/),
  )
  await rig.world.advance(1_000)
  await Promise.all(late)
})
