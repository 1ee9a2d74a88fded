import type { Measurement } from './measurement.ts'
import { fitLine, type Line, type Point } from './fit.ts'

/** What a process uses, over all of its copies. */
export type ProcessCost = {
  readonly name: string
  readonly members: readonly string[]
  /** As many ran while it was measured. */
  readonly copies: number
  readonly processors: Line
  /** The part of its event loop's time; the loops of all copies together. */
  readonly loop: Line
  /** Bytes of one copy. */
  readonly memory: number
  /** Milliseconds of the loop that a call or a message takes, taken to be alike, and how many of both there are for each call at a door. */
  readonly turn: number
  readonly turns: number
}

/** What calls at the doors of a system cost, as far as it was measured: at which rates, and over all calls there are. */
export type CostModel = {
  /** Calls a second at the doors, of each measurement. */
  readonly rates: readonly number[]
  readonly processes: readonly ProcessCost[]
  readonly servers: readonly { readonly name: string; readonly processors: Line }[]
  readonly pools: readonly { readonly service: string; readonly used: Line; readonly size: number }[]
  readonly consumers: readonly {
    readonly service: string
    readonly topic: string
    readonly each: number
    readonly partitions: number
  }[]
  /** Whoever else uses the computer, such as who makes the load. */
  readonly others: Line
  readonly processors: number
  /** The part of all calls that each operation is. */
  readonly entries: readonly { readonly service: string; readonly operation: string; readonly share: number }[]
  /** Of the measurement with the least load, where least waited: milliseconds. */
  readonly means: readonly { readonly service: string; readonly operation: string; readonly mean: number }[]
  readonly calls: readonly { readonly caller: string; readonly callee: string; readonly each: number }[]
}

const ratesAt = ({ entries }: Pick<Measurement, 'entries'>): number => sumOf(entries.map(({ perSecond }) => perSecond))

/** @throws {RangeError} when there is no measurement */
export function modelOf(measurements: readonly Measurement[]): CostModel {
  const sorted = measurements.toSorted((a, b) => ratesAt(a) - ratesAt(b))
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (least === undefined || most === undefined) throw new RangeError('Cannot make a model of no measurement')
  const rate = ratesAt(most)
  const line = (used: (of: Measurement) => number | undefined): Line =>
    fitLine(
      sorted.flatMap((one): readonly Point[] => {
        const value = used(one)
        return value === undefined ? [] : [{ rate: ratesAt(one), used: value }]
      }),
    )
  const named = <Of extends { readonly name: string }>(all: (of: Measurement) => readonly Of[], value: (of: Of) => number) =>
    Object.entries(Object.groupBy(all(most), ({ name }) => groupOf(name))).map(([name, copies]) => ({
      name,
      copies: copies!,
      line: line((one) => {
        const own = all(one).filter((each) => groupOf(each.name) === name)
        return own.length === 0 ? undefined : sumOf(own.map(value))
      }),
    }))
  const loops = new Map(
    named(
      (one) => one.processes,
      ({ loop }) => loop,
    ).map((one) => [one.name, one.line]),
  )
  const processes = named(
    (one) => one.processes,
    ({ processors }) => processors,
  ).map(({ name, copies, line: processors }): ProcessCost => {
    const { members } = copies[0]!
    const loop = loops.get(name)!
    const turns = turnsOf(members, most) / rate
    return {
      ...{ name, members, processors, loop, turns, copies: copies.length },
      memory: Math.max(...copies.map(({ memory }) => memory)),
      turn: turns === 0 ? 0 : (loop.each / turns) * 1_000,
    }
  })
  return {
    rates: sorted.map(ratesAt),
    processes,
    servers: named(
      (one) => one.servers,
      ({ processors }) => processors,
    )
      .map(({ name, line: processors }) => ({ name, processors }))
      // What did next to nothing is no part of this.
      .filter(({ processors }) => processors.idle + processors.each * rate >= 0.01),
    pools: most.pools.map(({ service, size }) => ({
      ...{ service, size },
      used: line((one) => one.pools.find((pool) => pool.service === service)?.used),
    })),
    consumers: most.consumers.map(({ group, topic, perSecond, partitions }) => ({
      ...{ service: serviceOf(group), topic, partitions, each: perSecond / rate },
    })),
    ...{ others: line(({ others }) => others), processors: most.processors },
    entries: most.entries.map(({ perSecond, ...one }) => ({ ...one, share: perSecond / rate })),
    means: least.operations.map(({ service, operation, mean }) => ({ service, operation, mean })),
    calls: most.calls.map(({ perSecond, ...one }) => ({ ...one, each: perSecond / rate })),
  }
}

/** The copies of a process have its name and a number: `orders#2`. */
const groupOf = (name: string): string => name.replace(/#\d+$/, '')

/** A group is named by its service and its reaction: `orders/stock.reserved`. */
const serviceOf = (group: string): string => group.slice(0, group.indexOf('/'))

/** Calls and messages a second at the services of a process; what comes in at doors is handed on by them. */
function turnsOf(members: readonly string[], { operations, consumers, entries }: Measurement): number {
  const has = (service: string): boolean => members.includes(service)
  return (
    sumOf(operations.filter(({ service }) => has(service)).map(({ perSecond }) => perSecond)) +
    sumOf(consumers.filter(({ group }) => has(serviceOf(group))).map(({ perSecond }) => perSecond)) +
    (members.includes('doors') ? sumOf(entries.map(({ perSecond }) => perSecond)) : 0)
  )
}

export const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0)
