import { at, type Line } from './fit.ts'
import { sumOf, type CostModel, type ProcessCost } from './model.ts'
import { responsesAt } from './network.ts'
import type { Response } from './queues.ts'

/** What a load needs. Rates are calls a second at the doors. */
export type CapacityPlan = {
  readonly rate: number
  readonly measured: readonly number[]
  /** The load is above twice what was measured: the plan supposes that what a call costs stays as it is. */
  readonly extrapolated: boolean
  /** The part of a processor that a copy is to have to do, at most. */
  readonly target: number
  readonly processes: readonly ProcessPlan[]
  readonly servers: readonly { readonly name: string; readonly processors: number; readonly size: number }[]
  /** Topics with fewer partitions than copies that read them: some would read nothing. */
  readonly partitions: readonly { readonly topic: string; readonly has: number; readonly needs: number }[]
  /** What is full first when the system runs as it did when it was measured, the first before the others. */
  readonly saturates: readonly { readonly what: string; readonly rate: number }[]
  readonly responses: readonly Response[]
  /** `size`: processors to have, so that they are as busy as wanted. */
  readonly total: { readonly copies: number; readonly processors: number; readonly size: number; readonly memory: number }
}

export type ProcessPlan = {
  readonly name: string
  readonly copies: number
  /** Processors in use, over all copies, and the part of its event loop's time that each is at work. */
  readonly processors: number
  readonly loop: number
  readonly memory: number
  /** Connections to its database in use, and open at most as each copy has its pool. */
  readonly connections: { readonly used: number; readonly open: number } | undefined
  /** Why there can be one copy only of some of it. */
  readonly alone: 'broker' | 'doors' | 'store' | undefined
}

/** Rates above this many times the largest measured one are told as more than was looked at. */
const FAR = 2

export function planFor(model: CostModel, { rate, target }: { readonly rate: number; readonly target: number }): CapacityPlan {
  const processes = model.processes.map((one) => processPlan(model, one, { rate, target }))
  const servers = model.servers.map(({ name, processors }) => {
    const used = at(processors, rate)
    return { name, processors: used, size: Math.max(1, Math.ceil(used / target)) }
  })
  const processors = sumOf([...processes, ...servers].map((one) => one.processors))
  return {
    ...{ rate, target, processes, servers, measured: model.rates },
    partitions: partitionsFor(model, processes),
    extrapolated: rate > FAR * Math.max(...model.rates),
    saturates: saturationOf(model),
    responses: responsesAt(model, rate, {
      copies: new Map(processes.map(({ name, copies }) => [name, copies])),
      computer: false,
    }),
    total: {
      ...{ copies: sumOf(processes.map(({ copies }) => copies)), processors, size: Math.ceil(processors / target) },
      memory: sumOf(processes.map(({ copies, memory }) => copies * memory)),
    },
  }
}

function processPlan(model: CostModel, one: ProcessCost, { rate, target }: { rate: number; target: number }): ProcessPlan {
  const { name, members, memory } = one
  // What a copy does without any call is there again with each copy.
  const idle = one.loop.idle / one.copies
  const copies = Math.max(1, Math.ceil((one.loop.each * rate) / Math.max(0.05, target - idle)))
  const pools = model.pools.filter(({ service }) => members.includes(service))
  const used = sumOf(pools.map((pool) => at(pool.used, rate)))
  const services = members.filter((member) => member !== 'broker' && member !== 'doors')
  const reads = model.consumers.some(({ service }) => members.includes(service))
  const needsStore = reads && services.some((service) => !pools.some((pool) => pool.service === service))
  return {
    ...{ name, copies, memory, processors: one.processors.each * rate + (one.processors.idle / one.copies) * copies },
    loop: (one.loop.each * rate) / copies + idle,
    connections:
      pools.length === 0
        ? undefined
        : { used, open: Math.max(used, (sumOf(pools.map(({ size }) => size)) / one.copies) * copies) },
    alone: members.includes('broker') ? 'broker' : members.includes('doors') ? 'doors' : needsStore ? 'store' : undefined,
  }
}

function partitionsFor({ consumers, processes }: CostModel, plans: readonly ProcessPlan[]): CapacityPlan['partitions'] {
  const needs = (service: string): number => plans[processes.findIndex(({ members }) => members.includes(service))]?.copies ?? 1
  return [...Map.groupBy(consumers, ({ topic }) => topic)]
    .map(([topic, readers]) => ({
      ...{ topic, has: Math.min(...readers.map(({ partitions }) => partitions)) },
      needs: Math.max(...readers.map(({ service }) => needs(service))),
    }))
    .filter(({ has, needs: wanted }) => has < wanted)
}

/** Every resource with the rate at which it is in use all the time, as it was measured. */
export function saturationOf(model: CostModel): CapacityPlan['saturates'] {
  const full = ({ idle, each }: Line, size: number): number => (each <= 0 ? Infinity : Math.max(0, size - idle) / each)
  const all = [
    ...model.processes.map(({ name, loop, copies }) => ({ what: `process ${name}`, rate: full(loop, copies) })),
    { what: 'the computer', rate: full(totalOf(model), model.processors) },
  ]
  return all.filter(({ rate }) => Number.isFinite(rate)).toSorted((a, b) => a.rate - b.rate)
}

/** All that runs on the computer of the measurement, with what is not of the system. */
export function totalOf({ processes, servers, others }: CostModel): Line {
  const lines = [...processes, ...servers].map(({ processors }) => processors).concat(others)
  return { idle: sumOf(lines.map(({ idle }) => idle)), each: sumOf(lines.map(({ each }) => each)) }
}
