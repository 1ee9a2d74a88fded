import { FAMILIES, type MetricFamily } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { askMetrics, askPlacement } from '../control/control.ts'
import { processesHere } from '../proc.ts'

/** What was measured of a running system over some seconds. */
export type Measured = {
  readonly operations: readonly MeasuredOperation[]
  /** Who called whom. */
  readonly calls: readonly MeasuredCalls[]
  readonly processes: readonly MeasuredProcess[]
}
export type MeasuredOperation = {
  readonly service: string
  readonly operation: string
  readonly perSecond: number
  /** Milliseconds at the service, from a call's arrival to its answer: on the average, and of 99 in 100 at most this. */
  readonly mean: number
  readonly p99: number
}
/** `caller`: a service, or `doors`. */
export type MeasuredCalls = { readonly caller: string; readonly callee: string; readonly perSecond: number }
export type MeasuredProcess = {
  readonly name: string
  /** Bytes in memory, and the part of one processor; undefined where this computer does not tell. */
  readonly memory: number | undefined
  readonly processor: number | undefined
}

/** Seconds of each record that lie below, as histograms of calls have them. */
const BOUNDS: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** (2 * i + 5) / 1_000_000)

export async function measure(directory: string, seconds: number): Promise<Measured> {
  const { clock, timers } = realRuntime()
  const look = async () => {
    const [metrics, placement] = [await askMetrics(directory), await askPlacement(directory)]
    const here = processesHere()
    const processes = placement.map(({ name, pid }) => ({ ...(pid === undefined ? undefined : here.get(pid)), name, pid }))
    return { at: clock.monotonic(), metrics, processes }
  }
  const before = await look()
  await timers.sleep(seconds * 1_000)
  const after = await look()
  const elapsed = (after.at - before.at) / 1_000
  return {
    ...ratesOf(before.metrics, after.metrics, elapsed),
    processes: after.processes.map(({ name, pid, own, memory }) => {
      const then = before.processes.find((one) => one.pid === pid)?.own
      const used = own === undefined || then === undefined ? undefined : (own - then) / elapsed
      return { name, memory, processor: used }
    }),
  }
}

/** What was called how often between two readings, so many seconds apart, and how long it took. */
export function ratesOf(
  before: readonly MetricFamily[],
  after: readonly MetricFamily[],
  elapsed: number,
): Pick<Measured, 'operations' | 'calls'> {
  return { operations: operationsOf(before, after, elapsed), calls: callsOf(before, after, elapsed) }
}

type Totals = { readonly count: number; readonly sum: number; readonly below: readonly number[] }

function operationsOf(
  before: readonly MetricFamily[],
  after: readonly MetricFamily[],
  elapsed: number,
): readonly MeasuredOperation[] {
  const earlier = totalsOf(before)
  return [...totalsOf(after)].flatMap(([key, now]) => {
    const then = earlier.get(key)
    const count = now.count - (then?.count ?? 0)
    if (count <= 0) return []
    const [service = '', operation = ''] = key.split(' ')
    const below = now.below.map((value, at) => value - (then?.below[at] ?? 0))
    const bound = BOUNDS[below.findIndex((value) => value >= count * 0.99)] ?? Number.POSITIVE_INFINITY
    const mean = ((now.sum - (then?.sum ?? 0)) / count) * 1_000
    return [{ service, operation, perSecond: count / elapsed, mean, p99: bound * 1_000 }]
  })
}

/** Of every operation over all copies. */
function totalsOf(families: readonly MetricFamily[]): ReadonlyMap<string, Totals> {
  const totals = new Map<string, Totals>()
  for (const point of families.find(({ name }) => name === 'rpc.server.call.duration')?.points ?? []) {
    if (!('below' in point)) continue
    const key = `${String(point.attributes['rpc.service'])} ${String(point.attributes['rpc.method'])}`
    const { count, sum, below } = totals.get(key) ?? { count: 0, sum: 0, below: [] }
    totals.set(key, {
      count: count + point.count,
      sum: sum + point.sum,
      below: point.below.map((value, at) => value + (below[at] ?? 0)),
    })
  }
  return totals
}

function callsOf(before: readonly MetricFamily[], after: readonly MetricFamily[], elapsed: number): readonly MeasuredCalls[] {
  const asked = increaseOf(FAMILIES.asked.name, ['dure.caller', 'rpc.service'], before, after)
  return asked.map(({ key: [caller = '', callee = ''], value }) => ({
    ...{ caller: caller === '' ? 'doors' : caller, callee, perSecond: value / elapsed },
  }))
}

/** By how much the numbers of a family grew, added up over all that have these attributes alike; what did not grow is left out. */
export function increaseOf(
  family: string,
  attributes: readonly string[],
  before: readonly MetricFamily[],
  after: readonly MetricFamily[],
): readonly { readonly key: readonly string[]; readonly value: number }[] {
  const totals = new Map<string, number>()
  const add = (families: readonly MetricFamily[], sign: 1 | -1): void => {
    for (const point of families.find(({ name }) => name === family)?.points ?? []) {
      const key = JSON.stringify(attributes.map((name) => String(point.attributes[name] ?? '')))
      if ('value' in point) totals.set(key, (totals.get(key) ?? 0) + sign * point.value)
    }
  }
  add(after, 1)
  add(before, -1)
  return [...totals].flatMap(([key, value]) => (value <= 0 ? [] : [{ key: JSON.parse(key) as string[], value }]))
}
