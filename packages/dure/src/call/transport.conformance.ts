import assert from 'node:assert/strict'
import { z } from 'zod'
import { CallError, command, contract, query, stream } from '../contract/contract.ts'
import { clientFactory } from './internal.ts'
import { channelCases } from './channel.conformance.ts'
import { endCases } from './ends.conformance.ts'
import { guardedCases } from './guarded.conformance.ts'
import { hostileCases } from './hostile-throws.conformance.ts'
import { HOSTILE_VALUES } from './hostile-values.conformance.ts'
import { streamCases } from './stream.conformance.ts'
import {
  Bare,
  code,
  inTime,
  conformsOver,
  never,
  OutOfStock,
  until,
  type Except,
  type HandlerContext,
  type MakeLink,
} from './transport-rig.conformance.ts'

/**
 * Registers the cases that every Transport has to pass with `node:test`: the same answers wherever the callee runs.
 * @param except why a protocol of others cannot pass a case, by its title
 */
export function transportConformance(name: string, makeLink: MakeLink, except?: Except): void {
  const conforms = conformsOver(name, makeLink, except)

  conforms(
    'values come back as they went',
    { echo: query({ input: z.unknown(), output: z.unknown() }) },
    { echo: (input: unknown) => input },
    async ({ client }) => {
      for (const value of HOSTILE_VALUES) assert.deepStrictEqual(await client.echo(value), value)
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

  const heard: unknown[] = []
  conforms(
    'on whose behalf and metadata go along with calls and streams, and nothing where there is none',
    { go: command({}), flow: stream({ output: z.int() }) },
    {
      go: (_: undefined, { principal, metadata }: HandlerContext) => void heard.push(principal, metadata),
      flow: async function* (_: undefined, { principal, metadata }: HandlerContext) {
        heard.push(principal, metadata)
        yield 1
      },
    },
    async ({ client, clientOf }) => {
      const principal = { subject: 'ana', kind: 'user', scopes: ['orders:write', '주문'], roles: ['buyer'] } as const
      const metadata = { tenant: 'acme', note: 'a "quoted" 말' }
      const ana = clientOf({ service: 'tester', principal, metadata })
      await ana.go()
      for await (const _ of ana.flow()) continue
      await client.go()
      assert.deepEqual(heard.splice(0), [principal, metadata, principal, metadata, undefined, undefined])
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
      // Whatever its flags: who carries a call has no say in its trace.
      for (let flags = 0; flags < 256; flags++) {
        const flagged = `${traceparent.slice(0, -2)}${flags.toString(16).padStart(2, '0')}`
        await client.go(undefined, { traceparent: flagged })
        assert.equal(contexts.at(-1)!.traceparent, flagged)
      }
    },
  )

  const told: unknown[] = []
  let waited = 0
  conforms(
    'nobody waits past the deadline, and the handler is told',
    { wait: query({}), quick: query({}) },
    {
      wait: (_input: undefined, { signal }: HandlerContext) => {
        waited++
        signal.addEventListener('abort', () => told.push(signal.reason))
        return never
      },
      quick: () => {},
    },
    async ({ client, admission }) => {
      await inTime(async (timeout) => {
        const begun = waited
        await assert.rejects(client.wait(undefined, { timeout }), (thrown) => {
          assert.equal((thrown as Error).message, 'Call to rig.wait was not answered before its deadline')
          return code('DEADLINE_EXCEEDED')(thrown)
        })
        await until(() => admission.inside() === 0)
        return waited > begun
      })
      await until(() => told.length === waited)
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
    async ({ client, admission }) => {
      const controller = new AbortController()
      const answer = assert.rejects(client.wait(undefined, { signal: controller.signal }), code('CANCELLED'))
      await until(() => entered === 1)
      controller.abort()
      await answer
      await until(() => aborted.length === 1 && admission.inside() === 0)
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

  conforms(
    'what does not run is UNAVAILABLE, what the release that runs does not have UNIMPLEMENTED',
    { go: command({}) },
    { go: () => {} },
    async ({ transport, runtime }) => {
      const Other = contract('other', { version: '1.0.0', owner: 'tests', operations: { go: command({}), see: stream({}) } })
      const other = clientFactory({ contract: Other, transport, runtime })({ service: undefined })
      await assert.rejects(other.go(), (thrown) => {
        assert.equal((thrown as Error).message, 'Call to other.go failed: no service "other" runs here')
        return code('UNAVAILABLE')(thrown)
      })
      await assert.rejects(other.see()[Symbol.asyncIterator]().next(), code('UNAVAILABLE'))
      const More = contract('rig', { version: '1.1.0', owner: 'tests', operations: { later: command({}) } })
      // The service runs, in a release that does not have it.
      await assert.rejects(
        clientFactory({ contract: More, transport, runtime })({ service: undefined }).later(),
        code('UNIMPLEMENTED'),
      )
    },
  )

  conforms(
    'a handler that is stopping or full says so',
    { go: query({ deadline: 60_000 }) },
    { go: () => never },
    async ({ client, admission }) => {
      // They end with the transport, when the case is over.
      // Nine tenths of its places are for calls that are not important.
      for (let n = 0; n < 900; n++) client.go().catch(() => {})
      await until(() => admission.inside() === 900)
      await assert.rejects(client.go(), code('RESOURCE_EXHAUSTED'))
      void admission.drain()
      await assert.rejects(client.go(), code('UNAVAILABLE'))
    },
  )

  hostileCases(conforms)
  streamCases(conforms)
  channelCases(conforms)
  endCases(conforms)
  guardedCases(conforms)
}
