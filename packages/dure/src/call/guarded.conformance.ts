import assert from 'node:assert/strict'
import { z } from 'zod'
import { CallError, command, query, stream } from '../contract/contract.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { clientFactory, createGuards, type OwnPolicies } from './internal.ts'
import { livePolicies, type CallPolicies, type LivePolicies } from './call.ts'
import { OutOfStock, type Conforms, type Handlers, type Rig } from './transport-rig.conformance.ts'

/** What policies make of calls is the same over every Transport, since they stand above it. */
export function guardedCases(conforms: Conforms): void {
  const Asked = z.object({ n: z.int(), fails: z.string().optional() })
  const operations = {
    ask: query({ input: Asked, output: z.object({ n: z.int(), at: z.date() }), errors: { OutOfStock } }),
    act: command({ input: Asked, output: z.int() }),
    few: command({ input: Asked, output: z.int(), policy: { rateLimit: { rate: 1, per: 3_600_000 } } }),
    count: stream({ input: Asked, output: z.int() }),
  }
  type In = z.output<typeof Asked>
  const failing = ({ fails }: In): void => {
    if (fails === 'declared') throw OutOfStock({ sku: 'apple', at: new Date(1), left: 2n })
    if (fails !== undefined) throw new CallError(fails as 'UNAVAILABLE', `It fails with ${fails}`)
  }
  const withPolicies = (
    title: string,
    policies: CallPolicies,
    work: (
      rig: Rig<typeof operations>,
      guarded: {
        readonly client: Readonly<Record<string, (input: In) => unknown>>
        readonly live: LivePolicies
        readonly made: () => number
      },
    ) => Promise<void>,
    own: OwnPolicies = {},
  ): void => {
    let made = 0
    const noted = (input: In): In => {
      made++
      failing(input)
      return input
    }
    const handlers: Handlers<typeof operations> = {
      ask: ((input: In) => ({ n: noted(input).n, at: new Date(5) })) as never,
      act: ((input: In) => noted(input).n) as never,
      few: ((input: In) => noted(input).n) as never,
      count: async function* (input: never) {
        yield noted(input).n
      },
    }
    conforms(title, operations, handlers, async (rig) => {
      made = 0
      const live = livePolicies(policies)
      const guards = createGuards({ source: live, runtime: rig.runtime, log: silentLogger() })
      const contract = { name: 'rig', operations } as never
      const transport = guards.around(rig.transport, 'tester', own)
      const client = clientFactory({ contract, transport, runtime: rig.runtime })({ service: 'tester' })
      try {
        await work(rig, { client: client as never, live, made: () => made })
      } finally {
        guards.stop()
      }
    })
  }
  type Asking = (input: In) => Promise<unknown>
  const codes = async (times: number, call: () => Promise<unknown>): Promise<unknown[]> => {
    const seen: unknown[] = []
    for (let i = 0; i < times; i++)
      seen.push(
        await call().then(
          () => 'answered',
          (error: { code?: unknown }) => error.code,
        ),
      )
    return seen
  }

  withPolicies(
    'a breaker opens after failures, not after declared errors and refusals, and what it refuses does not arrive',
    { rig: { breaker: { minimumCalls: 3 } } },
    async (_rig, { client, made }) => {
      const ask = client['ask'] as Asking
      assert.deepEqual(await codes(6, () => ask({ n: 1, fails: 'declared' })), Array(6).fill('OUT_OF_STOCK'))
      assert.deepEqual(await codes(6, () => ask({ n: 1, fails: 'RESOURCE_EXHAUSTED' })), Array(6).fill('RESOURCE_EXHAUSTED'))
      assert.deepEqual(await codes(6, () => ask({ n: 'x' as never })), Array(6).fill('INVALID_ARGUMENT'))
      const before = made()
      // Eighteen answers are in the window: as many failures open it.
      for (let i = 0; i < 60 && made() < before + 18; i++) await codes(1, () => ask({ n: 1, fails: 'INTERNAL' }))
      const opened = made()
      assert.deepEqual(await codes(3, () => ask({ n: 1 })), Array(3).fill('UNAVAILABLE'))
      assert.equal(made(), opened)
      assert.deepEqual(await codes(2, () => client['act']!({ n: 1 }) as Promise<unknown>), ['answered', 'answered'])
    },
  )

  withPolicies(
    'a fallback answers for what fails and is marked, a declared error is an answer, and a fallback that throws fails the call',
    {},
    async (_rig, { client }) => {
      const { attempt } = client['ask'] as unknown as { readonly attempt: (input: In) => Promise<unknown> }
      assert.deepEqual(await attempt({ n: 1, fails: 'UNAVAILABLE' }), {
        ok: true,
        value: { n: -1, at: new Date(9) },
        from: 'fallback',
      })
      assert.deepEqual(await attempt({ n: 1 }), { ok: true, value: { n: 1, at: new Date(5) } })
      assert.equal(((await attempt({ n: 1, fails: 'declared' })) as { ok: boolean }).ok, false)
      assert.deepEqual(await codes(1, () => attempt({ n: 13, fails: 'INTERNAL' })), ['INTERNAL'])
    },
    {
      fallbacks: {
        rig: {
          ask: (input) => {
            if ((input as In).n === 13) throw new Error('no')
            return { n: -(input as In).n, at: new Date(9) }
          },
        },
      },
    },
  )

  withPolicies(
    'a rate limit lets a burst through and refuses the rest, until it is changed',
    { '*': { rateLimit: { rate: 2, per: 3_600_000 } } },
    async (_rig, { client, live, made }) => {
      const act = client['act'] as Asking
      assert.deepEqual(await codes(4, () => act({ n: 1 })), ['answered', 'answered', 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'])
      assert.throws(() => live.set({ '*': { rateLimit: { rate: 0 } } }), TypeError)
      assert.deepEqual(await codes(1, () => act({ n: 1 })), ['RESOURCE_EXHAUSTED'])
      live.set({ rig: { rateLimit: false } })
      assert.deepEqual(await codes(2, () => act({ n: 1 })), ['answered', 'answered'])
      assert.equal(made(), 4)
    },
  )

  withPolicies(
    'what a contract says of its calls holds until its caller or the system says otherwise',
    {},
    async (_rig, { client, live, made }) => {
      const few = client['few'] as Asking
      assert.deepEqual(await codes(3, () => few({ n: 1 })), ['answered', 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'])
      assert.equal(made(), 1)
      live.set({ rig: { rateLimit: false } })
      assert.deepEqual(await codes(2, () => few({ n: 1 })), ['answered', 'answered'])
      live.set({})
      assert.deepEqual(await codes(2, () => few({ n: 1 })), ['answered', 'RESOURCE_EXHAUSTED'])
    },
  )

  withPolicies(
    'what a contract says of its calls, a caller says otherwise',
    {},
    async (_rig, { client }) => {
      const few = client['few'] as Asking
      assert.deepEqual(await codes(3, () => few({ n: 1 })), ['answered', 'answered', 'RESOURCE_EXHAUSTED'])
    },
    { policies: { 'rig.few': { rateLimit: { rate: 2, per: 3_600_000 } } } },
  )

  withPolicies(
    'equal queries are one call, each with an answer of its own, and a stale one stands in for none',
    { rig: { collapse: true, cache: { stale: 60_000 } } },
    async (_rig, { client, made }) => {
      const ask = client['ask'] as (input: In) => Promise<{ n: number; at: Date }>
      const answers = await Promise.all([ask({ n: 7 }), ask({ n: 7 }), ask({ n: 8 })])
      assert.equal(made(), 2)
      answers[0].at.setTime(0)
      assert.deepEqual(answers[1], { n: 7, at: new Date(5) })
      assert.deepEqual(await ask({ n: 7 }), { n: 7, at: new Date(5) })
    },
  )

  withPolicies('streams pass a breaker and a limit', { rig: { bulkhead: { concurrency: 1 } } }, async (_rig, { client }) => {
    const count = client['count'] as unknown as (input: In) => AsyncIterable<number>
    const read = async (): Promise<unknown> => {
      for await (const n of count({ n: 3 })) return n
      return undefined
    }
    assert.equal(await read(), 3)
    const open = count({ n: 3 })[Symbol.asyncIterator]()
    await open.next()
    assert.deepEqual(await codes(1, read), ['RESOURCE_EXHAUSTED'])
    await open.return?.()
    assert.equal(await read(), 3)
  })
}
