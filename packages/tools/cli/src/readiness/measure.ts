import { readFileSync } from 'node:fs'
import { FAMILIES, type MetricFamily } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { askMetrics, askPlacement } from '../control/control.ts'

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
  const look = async () => ({
    at: clock.monotonic(),
    metrics: await askMetrics(directory),
    processes: (await askPlacement(directory)).map(({ name, pid }) => ({
      name,
      pid,
      cpu: pid === undefined ? undefined : cpuOf(pid),
    })),
  })
  const before = await look()
  await timers.sleep(seconds * 1_000)
  const after = await look()
  const elapsed = (after.at - before.at) / 1_000
  return {
    operations: operationsOf(before.metrics, after.metrics, elapsed),
    calls: callsOf(before.metrics, after.metrics, elapsed),
    processes: after.processes.map(({ name, pid, cpu }) => {
      const then = before.processes.find((one) => one.pid === pid)?.cpu
      const used = cpu === undefined || then === undefined ? undefined : (cpu - then) / elapsed
      return { name, memory: pid === undefined ? undefined : memoryOf(pid), processor: used }
    }),
  }
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
  const earlier = askedOf(before)
  return [...askedOf(after)].flatMap(([key, now]) => {
    const count = now - (earlier.get(key) ?? 0)
    const [caller = '', callee = ''] = key.split(' ')
    return count <= 0 ? [] : [{ caller: caller === '' ? 'doors' : caller, callee, perSecond: count / elapsed }]
  })
}

/** Calls by caller and callee, over all operations and copies. */
function askedOf(families: readonly MetricFamily[]): ReadonlyMap<string, number> {
  const totals = new Map<string, number>()
  for (const point of families.find(({ name }) => name === FAMILIES.asked.name)?.points ?? []) {
    if (!('value' in point)) continue
    const key = `${String(point.attributes['dure.caller'])} ${String(point.attributes['rpc.service'])}`
    totals.set(key, (totals.get(key) ?? 0) + point.value)
  }
  return totals
}

/** Milliseconds that Linux counts as one tick of a processor, which is what it is everywhere but on odd builds. */
const TICKS_A_SECOND = 100

/** Seconds of processor so far. */
function cpuOf(pid: number): number | undefined {
  const [, rest] = read(`/proc/${pid}/stat`)?.split(') ') ?? []
  const fields = rest?.split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

function memoryOf(pid: number): number | undefined {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
