import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, contract, error, query, stream } from '../contract/contract.ts'
import { service, start, system, type Service } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { batch } from './batch.ts'
import { compose } from './query.ts'

const Unknown = error('UNKNOWN_SELLER', { data: z.object({}), status: 'NOT_FOUND', message: () => 'There is no such seller' })
const text = z.string()
const Parts = contract('parts', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    quick: query({ input: text, output: text }),
    hang: query({ output: text, deadline: 60_000 }),
    fail: query({ output: text }),
    unknown: query({ output: text, errors: { Unknown } }),
    large: query({ output: text }),
    names: query({ input: z.array(z.int()), output: z.array(text) }),
    lines: stream({ input: z.int(), output: text }),
  },
})

/** What became of the calls that hang. */
const parts = (ended: (reason: unknown) => void) =>
  service(Parts, {
    handlers: {
      quick: (input) => input,
      hang: (_input, { signal }) =>
        new Promise<string>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            ended(signal.reason)
            reject(signal.reason as Error)
          })
        }),
      fail: () => Promise.reject(new Error('no')),
      unknown: () => Promise.reject(Unknown({})),
      large: () => 'x'.repeat(10_000),
      names: (ids) => ids.map(String),
      async *lines(count, { signal }) {
        signal.addEventListener('abort', () => ended(signal.reason))
        for (let line = 0; line < count; line++) yield 'x'.repeat(1_000)
      },
    },
  })

const Answer = z.object({ answer: z.unknown() })
const Asker = contract('asker', {
  version: '1.0.0',
  owner: 'tests',
  operations: { ask: query({ output: Answer, deadline: 1_500 }), slow: query({ output: Answer, deadline: 60_000 }) },
})
const asking = service<typeof Asker, { parts: typeof Parts }>
type Context = Parameters<Parameters<typeof asking>[1]['handlers']['ask']>[1]

async function asker(t: TestContext, work: (context: Context) => Promise<unknown>) {
  const ended: unknown[] = []
  const handler = async (_input: undefined, context: Context) => ({ answer: await work(context) })
  const asks = asking(Asker, { needs: { parts: Parts }, handlers: { ask: handler, slow: handler } })
  const directory = mkdtempSync(join(tmpdir(), 'dure-compose-'))
  const services: Service[] = [asks, parts((reason) => ended.push(reason))]
  const running = await start(system('composing', { services }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true })
  })
  return { client: running.client(Asker), ended }
}

test('parts that hang, fail or are too large are missing; the rest answers inside the deadline', async (t) => {
  const { client, ended } = await asker(t, async (context) => {
    const composed = await compose(context, {
      memory: 2_000,
      parts: {
        quick: { ask: ({ parts }) => parts.quick('here') },
        hang: { ask: ({ parts }) => parts.hang() },
        // Whoever does not heed its signal is not waited for either.
        deaf: { ask: () => new Promise<string>(() => {}), timeout: 20, fallback: 'stood in' },
        fail: { ask: ({ parts }) => parts.fail(), fallback: ({ parts }: Context) => parts.quick('made') },
        twice: { ask: ({ parts }) => parts.fail(), fallback: ({ parts }: Context) => parts.fail() },
        thrown: {
          ask: (): string => {
            throw new Error('no')
          },
        },
        large: { ask: ({ parts }) => parts.large() },
        unknown: { ask: ({ parts }) => parts.unknown() },
      },
    })
    if (composed.whole) {
      // Nothing is missing of a whole answer, and its compiler knows.
      const all: string[] = [composed.quick, composed.hang, composed.fail, composed.large]
      return all
    }
    const certain: string = composed.deaf
    // @ts-expect-error without a fallback it may be missing
    const uncertain: string = composed.hang
    // @ts-expect-error a fallback that is made may fail
    const made: string = composed.fail
    const missing: readonly ('quick' | 'hang' | 'deaf' | 'fail' | 'twice' | 'thrown' | 'large' | 'unknown')[] =
      composed.missing.map(({ part }) => part)
    assert.deepEqual([certain, uncertain, made, missing.length], ['stood in', undefined, 'made', 7])
    return composed
  })
  const { answer } = await client.ask()
  assert.deepEqual(answer, {
    ...{ quick: 'here', deaf: 'stood in', fail: 'made', whole: false },
    // In the order of the parts, and without a word of what was thrown.
    missing: [
      { part: 'hang', why: 'DEADLINE_EXCEEDED' },
      { part: 'deaf', why: 'DEADLINE_EXCEEDED' },
      { part: 'fail', why: 'INTERNAL' },
      { part: 'twice', why: 'INTERNAL' },
      { part: 'thrown', why: 'INTERNAL' },
      { part: 'large', why: 'RESOURCE_EXHAUSTED' },
      { part: 'unknown', why: 'NOT_FOUND' },
    ],
  })
  assert.equal(ended.length, 1)
})

test('parts that follow use what was said before them, and are asked though one of those hangs', async (t) => {
  const { client } = await asker(t, (context) =>
    compose(context, {
      parts: {
        ids: { ask: () => [1, 2, 2, 3], fallback: [] },
        hang: { ask: ({ parts }) => parts.hang() },
      },
      next: ({ ids, hang }) => ({
        names: {
          ask: async ({ parts }: Context) => [...(await batch(ids, (some) => parts.names([...some]), { size: 2 })).values()],
        },
        nothing: { ask: () => hang ?? 'nothing' },
      }),
    }),
  )
  assert.deepEqual((await client.ask()).answer, {
    ...{ ids: [1, 2, 2, 3], names: ['1', '2', '3'], nothing: 'nothing', whole: false },
    missing: [{ part: 'hang', why: 'DEADLINE_EXCEEDED' }],
  })
})

test('an answer with all of its parts is whole; words for those who run a service stay inside', async (t) => {
  const { client } = await asker(t, async (context) => {
    const whole = await compose(context, { parts: { quick: { ask: ({ parts }) => parts.quick('here') } } })
    const inside = await compose(context, {
      parts: { sealed: { ask: () => Promise.reject(new CallError('UNAUTHENTICATED', 'a password', { inside: true })) } },
    })
    return [whole, inside]
  })
  assert.deepEqual((await client.ask()).answer, [
    { quick: 'here', whole: true, missing: [] },
    { whole: false, missing: [{ part: 'sealed', why: 'INTERNAL' }] },
  ])
})

test('a stream is gathered, and given up as soon as it is more than there is room for', async (t) => {
  let taken = 0
  const { client, ended } = await asker(t, async (context) => {
    const composed = await compose(context, {
      memory: 20_000,
      parts: {
        few: { ask: ({ parts }) => parts.lines(3) },
        many: { ask: ({ parts }) => parts.lines(1_000_000) },
        // Whoever heeds nothing is read no further, either.
        deaf: {
          ask: async function* () {
            for (;;) {
              taken++
              yield 'x'.repeat(1_000)
              await Promise.resolve()
            }
          },
        },
        // What the others had taken is free again.
        after: { ask: async ({ parts }) => (await parts.quick(''), 'y'.repeat(10_000)), timeout: 30_000 },
      },
      concurrency: 1,
    })
    const few: string[] | undefined = composed.few
    assert.equal(few?.length, 3)
    return { few: few.length, after: composed.after?.length, missing: composed.missing }
  })
  assert.deepEqual((await client.slow()).answer, {
    ...{ few: 3, after: 10_000 },
    missing: [
      { part: 'many', why: 'RESOURCE_EXHAUSTED' },
      { part: 'deaf', why: 'RESOURCE_EXHAUSTED' },
    ],
  })
  assert.ok(taken < 20, `${taken} values`)
  assert.equal(ended.length, 1)
})

test('a required part fails the answer with its own error, and nothing else is waited for', async (t) => {
  const { client, ended } = await asker(t, (context) =>
    compose(context, {
      parts: {
        hang: { ask: ({ parts }) => parts.hang() },
        seller: {
          ask: async ({ parts }) => {
            const found = await parts.unknown.attempt()
            if (!found.ok) throw new Error(found.error.code)
            return found.value
          },
          required: true,
        },
      },
    }),
  )
  await assert.rejects(client.slow())
  assert.equal(ended.length, 1)
})

test('when the caller goes away, what was asked for it ends', async (t) => {
  const begun = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  const { client, ended } = await asker(t, (context) => {
    const composing = compose(context, {
      parts: { hang: { ask: ({ parts }) => (begun.resolve(), parts.hang()) }, deaf: { ask: () => new Promise(() => {}) } },
    })
    composing.catch(() => {}).finally(over.resolve)
    return composing
  })
  const controller = new AbortController()
  const answer = client.slow(undefined, { signal: controller.signal })
  answer.catch(() => {})
  await begun.promise
  controller.abort()
  await assert.rejects(answer, { code: 'CANCELLED' })
  await over.promise
  assert.equal(ended.length, 1)
})

test('no more parts are asked at once than is said', async (t) => {
  let [now, most] = [0, 0]
  const ask = async ({ parts }: Context) => {
    most = Math.max(most, ++now)
    await parts.quick('')
    now--
    return most
  }
  const names = Array.from({ length: 9 }, (_, index) => `part${index}`)
  const { client } = await asker(t, (context) =>
    compose(context, { concurrency: 3, parts: Object.fromEntries(names.map((name) => [name, { ask }])) }),
  )
  await client.slow()
  assert.equal(most, 3)
})

test('what cannot be composed is refused in words', async (t) => {
  const refused: string[] = []
  const refuse = async (work: () => Promise<unknown>) => {
    await work().catch((thrown: Error) => refused.push(thrown.message))
  }
  const ask = () => 1
  const { client } = await asker(t, async (context) => {
    await refuse(() => compose(context, { parts: { missing: { ask } } }))
    await refuse(() => compose(context, { parts: { whole: { ask } } }))
    await refuse(() => compose(context, { parts: { one: { ask } }, next: () => ({ one: { ask } }) }))
    await refuse(() => compose(context, { parts: { one: { ask, timeout: -1 } } }))
    await refuse(() => compose(context, { parts: { one: { ask } }, concurrency: 0 }))
    await refuse(() => compose({ ...context }, { parts: { one: { ask } } }))
    await refuse(() => batch([1, 2], async () => [1]))
  })
  await client.slow()
  assert.deepEqual(refused, [
    'Cannot compose part "missing": there is one of that name already; call it something else',
    'Cannot compose part "whole": there is one of that name already; call it something else',
    'Cannot compose part "one": there is one of that name already; call it something else',
    'Cannot compose part "one": "timeout" is -1; give a number of milliseconds from 1 to 2147483647',
    'Cannot compose an answer: "concurrency" is 0; give a whole number from 1 to 2147483647',
    'Cannot compose an answer: the context is not that of a handler; give the one that the handler received',
    'Cannot ask in batches: 2 keys were asked for, and 1 values came; answer with one value for each key, in their order',
  ])
})
