import { contract, query, stream } from 'dure/contract'
import type { CallPolicy } from 'dure/call'
import type { CopyReading, PeerReading } from 'dure/service'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'
import { watched } from '../watched.ts'

/** Calls by how they ended; those that did not happen are left out. */
const Ends = z.record(z.string(), z.number())
const Calls = z.object({
  copy: z.string().optional().describe('orders#2; none: a door'),
  ...{ caller: z.string().optional(), service: z.string(), operation: z.string() },
  breaker: z
    .object({
      ...{
        state: z.string(),
        answered: z.number(),
        failed: z.number(),
        slow: z.number(),
        refused: z.number(),
        opened: z.number(),
      },
    })
    .optional(),
  ...{ ever: Ends, lately: Ends.describe('in the last 10 seconds'), underWay: z.number() },
  ...{ p50: z.number().optional(), p99: z.number().optional() },
  policies: z.array(z.string()).describe('which of them guard it'),
})
/** How one process sees the instances of a service. */
const Peers = z.object({
  from: z.string().describe('what runs in the process that calls: cart+order'),
  service: z.string(),
  instances: z.array(
    z.object({
      ...{ id: z.string(), address: z.string() },
      health: z.enum(['in', 'out', 'probing']).describe('out: left out after failures; probing: one call decides'),
      ...{ pending: z.number(), queued: z.number() },
    }),
  ),
  waiting: z.number().describe('calls that wait for an instance'),
  retriesLeft: z.number().describe('retries that the budget has left'),
  ...{ retries: z.number(), refused: z.number(), ejections: z.number().describe('instances left out, since the start') },
})
const Report = z.object({ calls: z.array(Calls), peers: z.array(Peers).describe('none while all is in one process') })

const Resilience = contract('resilience', {
  version: '1.0.0',
  owner: 'dure',
  description: 'How calls between services stand: breakers, what limits refused, instances left out, retry budgets',
  operations: {
    show: query({ output: Report, description: 'All calls that leave services and doors' }),
    watch: stream({ output: Report, description: 'The same, now and whenever it has changed' }),
  },
})

/** Milliseconds between two looks. */
const EVERY = 1_000

/** Calls of all processes, and what guards them. */
export const resilience: OperatorPart = operatorPart({
  contract: Resilience,
  answer: ({ host, world }) => {
    const read = async (): Promise<z.infer<typeof Report>> => {
      const [calls, peers] = await Promise.all([host.callsEverywhere(), host.peers()])
      return { calls: calls.map(shown), peers: peers.map(seen) }
    }
    return { show: read, watch: (_, { signal }) => watched(read, { runtime: world.runtime, every: EVERY, signal }) }
  },
})

function shown({
  copy,
  caller,
  service,
  operation,
  breaker,
  ever,
  lately,
  underWay,
  durations,
  policy,
}: CopyReading): z.infer<typeof Calls> {
  return {
    ...{ copy, caller, service, operation, underWay, ever: there(ever), lately: there(lately) },
    breaker: breaker && {
      ...{ state: breaker.now.state, answered: breaker.answered, failed: breaker.failed, slow: breaker.slow },
      ...{ refused: breaker.refused, opened: breaker.opened },
    },
    ...{ p50: at(durations, 0.5), p99: at(durations, 0.99) },
    policies: (Object.keys(policy) as (keyof CallPolicy)[]).filter(
      (name) => policy[name] !== undefined && policy[name] !== false,
    ),
  }
}

function seen({ instances, ...rest }: PeerReading): z.infer<typeof Peers> {
  return {
    ...rest,
    instances: instances.map(({ id, address, health, pending, queued }) => ({ id, address, health, pending, queued })),
  }
}

const there = (ends: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(ends).filter(([, count]) => count > 0))

/** @param sorted the shortest first */
const at = (sorted: readonly number[], share: number): number | undefined => sorted[Math.ceil(sorted.length * share) - 1]
