import { contract, query, stream } from 'dure/contract'
import type { Health } from 'dure/service'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'
import { watched } from '../watched.ts'

const Group = z.object({ ok: z.boolean(), reasons: z.array(z.string()) })
/** What a service works with: its store, its broker, whom it needs. */
const Dependency = z.object({
  name: z.string(),
  kind: z.string(),
  state: z.enum(['up', 'down', 'unknown']),
  /** Milliseconds since the epoch. */
  since: z.number().optional(),
  reason: z.string().optional(),
  /** Milliseconds that it took to answer. */
  latency: z.number().optional(),
})
const ServiceHealth = z.object({
  service: z.string(),
  /** `orders`, `orders#2`. */
  copy: z.string(),
  state: z.enum(['starting', 'running', 'draining', 'stopped']),
  live: z.boolean(),
  ready: z.boolean(),
  reasons: z.array(z.string()),
  warnings: z.array(z.string()),
  dependencies: z.array(Dependency),
})
const Report = z.object({ live: Group, ready: Group, startup: Group, services: z.array(ServiceHealth) })

const Health = contract('health', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Which services take calls, and what keeps the others from it',
  operations: {
    show: query({ output: Report, description: 'All groups, and each copy of each service' }),
    live: query({ output: Group, description: 'Whether the process of this door does its work' }),
    ready: query({ output: Group, description: 'Whether a copy of every service takes calls' }),
    startup: query({ output: Group, description: 'Whether every service has a copy that has started' }),
    watch: stream({ output: Report, description: 'The same as show, now and whenever it has changed' }),
  },
})

/** Milliseconds between two looks. */
const EVERY = 1_000

/** Health of all services, in groups and one by one. */
export const health: OperatorPart = operatorPart({
  contract: Health,
  answer: ({ host, world }) => {
    const read = async (): Promise<z.infer<typeof Report>> => reportOf(await host.health())
    return {
      show: read,
      live: async () => (await read()).live,
      ready: async () => (await read()).ready,
      startup: async () => (await read()).startup,
      watch: (_, { signal }) => watched(async () => steady(await read()), { runtime: world.runtime, every: EVERY, signal }),
    }
  },
})

/** How long something took to answer is another time each time, and no change of its health. */
function steady({ services, ...groups }: z.infer<typeof Report>): z.infer<typeof Report> {
  const without = ({ latency: _, ...dependency }: z.infer<typeof Dependency>): z.infer<typeof Dependency> => dependency
  return { ...groups, services: services.map((one) => ({ ...one, dependencies: one.dependencies.map(without) })) }
}

function reportOf({ live, ready, services }: Health): z.infer<typeof Report> {
  const all = services.map((one) => ({
    ...one,
    reasons: [...one.reasons],
    warnings: [...(one.warnings ?? [])],
    dependencies: [...((one as { readonly dependencies?: readonly z.infer<typeof Dependency>[] }).dependencies ?? [])],
  }))
  const copiesOf = Map.groupBy(all, ({ service }) => service)
  const reasonsOf = (is: (one: (typeof all)[number]) => boolean): string[] =>
    all.filter((one) => !is(one)).flatMap(({ copy, reasons }) => reasons.map((reason) => `${copy}: ${reason}`))
  const begun = [...copiesOf].filter(([, copies]) => copies.every(({ state }) => state === 'starting' || state === 'stopped'))
  return {
    live: { ok: live, reasons: live ? [] : reasonsOf((one) => one.live) },
    ready: { ok: ready, reasons: ready ? [] : reasonsOf((one) => one.ready) },
    startup: { ok: begun.length === 0, reasons: begun.map(([name, copies]) => `${name}: ${copies[0]!.state}`) },
    services: all,
  }
}
