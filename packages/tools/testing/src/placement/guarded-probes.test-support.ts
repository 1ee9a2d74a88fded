/** Policies of calls between services: what breakers, fallbacks and limits make of calls is the same in every placement. */
import { CallError, contract, query, type AnyContract } from 'dure/contract'
import { service, type Service } from 'dure/service'
import { z } from 'zod'
import { caught, type Calls, type Probe } from './probe.test-support.ts'

const Input = z.object({ n: z.int(), fails: z.boolean().default(false) })
const Output = z.object({ n: z.int(), at: z.date() })
const ask = () => query({ input: Input, output: Output })
const shaky = contract('shaky', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    ...{ broken: ask(), limited: ask(), replaced: ask(), kept: ask(), shared: ask() },
    declared: query({ input: Input, output: Output, policy: { rateLimit: { rate: 2, per: 3_600_000 } } }),
  },
})
const Asked = z.object({
  operation: z.enum(['broken', 'limited', 'declared', 'replaced', 'kept', 'shared']),
  n: z.int(),
  fails: z.boolean().default(false),
})
const careful = contract('careful', {
  version: '1.0.0',
  owner: 'testing',
  operations: { pass: query({ input: Asked, output: z.unknown() }), asked: query({ output: z.record(z.string(), z.int()) }) },
})

export const Careful: AnyContract = careful

/** Anew for every copy, as everything of the probe system. */
export function guardedServices(): readonly Service[] {
  const seen: Record<string, number> = {}
  const answer =
    (operation: string) =>
    ({ n, fails }: { n: number; fails: boolean }) => {
      seen[operation] = (seen[operation] ?? 0) + 1
      // Not UNAVAILABLE: between processes that is sent again, so that one call would be several here.
      if (fails) throw new CallError('DATA_LOSS', 'It is down')
      return { n, at: new Date(n) }
    }
  return [
    service(shaky, {
      handlers: {
        broken: answer('broken'),
        limited: answer('limited'),
        declared: answer('declared'),
        replaced: answer('replaced'),
        kept: answer('kept'),
        shared: answer('shared'),
      },
    }),
    service(careful, {
      needs: { shaky },
      policies: {
        'shaky.broken': { breaker: { window: { calls: 4 }, minimumCalls: 4, open: { first: 60_000, max: 60_000 } } },
        'shaky.limited': { rateLimit: { rate: 2, per: 3_600_000 } },
        'shaky.kept': { cache: { stale: 600_000 } },
        'shaky.shared': { collapse: true },
      },
      fallbacks: {
        shaky: {
          replaced: ({ n }, error) => {
            if (n === 13) throw new Error('No answer either')
            return { n: -1, at: new Date((error as CallError).code === 'DATA_LOSS' ? 1 : 2) }
          },
        },
      },
      handlers: {
        pass: async ({ operation, n, fails }, { shaky }) => {
          const answered = await shaky[operation].attempt({ n, fails })
          return answered.ok ? { value: answered.value, from: answered.from ?? 'callee' } : { failed: true }
        },
        asked: () => seen,
      },
    }),
  ]
}

const pass = ({ careful }: Calls, operation: string, n: number, fails = false): Promise<unknown> =>
  caught(careful.call('pass', { operation, n, fails }))

/** After how long one may try again is real time. */
function timeless(outcome: unknown): unknown {
  const { details, ...rest } = outcome as { readonly details?: { readonly retryAfter?: number } }
  return details?.retryAfter === undefined ? outcome : { ...rest, limited: details.retryAfter > 0 }
}

async function passAll(
  calls: Calls,
  operation: string,
  all: readonly (readonly [n: number, fails?: boolean])[],
): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const [n, fails] of all) seen.push(timeless(await pass(calls, operation, n, fails)))
  return seen
}

const DOWN = [1, true] as const

export const guardedProbes: readonly Probe[] = [
  { name: 'a breaker opens, and refuses', run: (calls) => passAll(calls, 'broken', [[1], DOWN, DOWN, DOWN, [2], [3], DOWN]) },
  { name: 'a rate limit is reached', run: (calls) => passAll(calls, 'limited', [[1], [2], [3], [4]]) },
  { name: 'a rate limit of the contract is reached', run: (calls) => passAll(calls, 'declared', [[1], [2], [3]]) },
  { name: 'a fallback answers, is marked, and throws', run: (calls) => passAll(calls, 'replaced', [[1], DOWN, [13, true], [2]]) },
  { name: 'a stale answer stands in', run: (calls) => passAll(calls, 'kept', [[1], [1], [2]]) },
  { name: 'equal queries are one call', run: (calls) => Promise.all([5, 5, 6].map((n) => pass(calls, 'shared', n))) },
]
