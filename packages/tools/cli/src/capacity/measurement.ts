import { availableParallelism } from 'node:os'
import { FAMILIES, type MetricFamily } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { askMetrics, askPlacement } from '../control/control.ts'
import { increaseOf, ratesOf, type MeasuredCalls, type MeasuredOperation } from '../readiness/readiness.ts'
import { CliError } from '../shell.ts'
import { processesHere, workedSeconds, type Processes } from '../proc.ts'
import { serversOf, type ServerProcess } from './servers.ts'

/** What a running system did over some seconds and what that took: of all its processes, and of servers on this computer. */
export type Measurement = {
  readonly version: 1
  readonly seconds: number
  /** Of this computer. */
  readonly processors: number
  /** Calls that came in at doors. */
  readonly entries: readonly { readonly service: string; readonly operation: string; readonly perSecond: number }[]
  readonly operations: readonly MeasuredOperation[]
  /** Who called whom. */
  readonly calls: readonly MeasuredCalls[]
  readonly consumers: readonly MeasuredConsumer[]
  readonly processes: readonly MeasuredProcess[]
  readonly servers: readonly { readonly name: string; readonly processors: number }[]
  readonly pools: readonly MeasuredPool[]
  /** Processors that everything else on this computer used meanwhile, such as whoever makes the load; undefined where it is not known. */
  readonly others?: number | undefined
}
/** Messages a second that had their effect, and partitions that the topic has. */
export type MeasuredConsumer = {
  readonly group: string
  readonly topic: string
  readonly perSecond: number
  readonly partitions: number
}
export type MeasuredProcess = {
  readonly name: string
  readonly members: readonly string[]
  /** Processors in use, and the part of the time that its event loop was at work. */
  readonly processors: number
  readonly loop: number
  /** Bytes. */
  readonly memory: number
}
/** Connections of a service to its database, over all of its copies: in use on the average, and open at most. */
export type MeasuredPool = { readonly service: string; readonly used: number; readonly size: number }

/** Milliseconds between looks at what is in use just then. */
const LOOK = 500

/** @throws {CliError} when nobody called it meanwhile: what nobody uses says nothing about more of it */
export async function measureLoad(
  directory: string,
  seconds: number,
  progress: (seconds: number) => void = () => {},
): Promise<Measurement> {
  const { clock, timers } = realRuntime()
  const placement = await askPlacement(directory)
  const pids = placement.flatMap(({ pid }) => pid ?? [])
  const look = async (): Promise<Look> => {
    const [metrics, processes] = [await askMetrics(directory), processesHere()]
    return { at: clock.monotonic(), worked: workedSeconds(), metrics, processes, servers: serversOf(pids, processes) }
  }
  const before = await look()
  const seen: (readonly MetricFamily[])[] = [before.metrics]
  for (let left = seconds * 1_000; left > 0; left -= LOOK) {
    progress(Math.ceil(left / 1_000))
    await timers.sleep(Math.min(left, LOOK))
    seen.push(await askMetrics(directory))
  }
  const after = await look()
  const elapsed = (after.at - before.at) / 1_000
  const rate = (family: string, attributes: readonly string[]) =>
    increaseOf(family, attributes, before.metrics, after.metrics).map(({ key, value }) => ({ key, value: value / elapsed }))
  const entries = rate(FAMILIES.asked.name, ['dure.caller', 'rpc.service', 'rpc.method']).flatMap(
    ({ key: [caller, service = '', operation = ''], value }) => (caller === '' ? [{ service, operation, perSecond: value }] : []),
  )
  if (entries.length === 0) {
    throw new CliError(
      `Cannot plan: no call came in at a door of this system in ${seconds} s; have it used as it is going to be, and measure again`,
    )
  }
  const servers = after.servers.map(({ name, pid, cpu }) => ({
    name,
    processors: (cpu - (before.servers.find((one) => one.pid === pid)?.cpu ?? cpu)) / elapsed,
  }))
  const processes = processesOf({ rate, before, after, elapsed, placement })
  const own = [...processes, ...servers].reduce((sum, one) => sum + one.processors, 0)
  const worked = before.worked === undefined || after.worked === undefined ? undefined : (after.worked - before.worked) / elapsed
  return {
    ...{ version: 1, seconds: elapsed, processors: availableParallelism(), entries },
    ...ratesOf(before.metrics, after.metrics, elapsed),
    consumers: consumersOf(rate, after.metrics),
    ...{ processes, servers, pools: poolsOf(seen) },
    others: worked === undefined ? undefined : Math.max(0, worked - own),
  }
}

type Rate = (
  family: string,
  attributes: readonly string[],
) => readonly { readonly key: readonly string[]; readonly value: number }[]

type Look = {
  readonly at: number
  readonly worked: number | undefined
  readonly metrics: readonly MetricFamily[]
  readonly processes: Processes
  readonly servers: readonly ServerProcess[]
}

/** Those of the system, and who has started them. A process of another computer is known by what it tells of itself. */
function processesOf(given: {
  readonly rate: Rate
  readonly before: Look
  readonly after: Look
  readonly elapsed: number
  readonly placement: Awaited<ReturnType<typeof askPlacement>>
}): readonly MeasuredProcess[] {
  const { rate, before, after, elapsed, placement } = given
  const loops = rate('nodejs.eventloop.time', ['dure.process', 'thread.id', 'nodejs.eventloop.state'])
  const told = new Map(rate('process.cpu.time', ['dure.process']).map(({ key: [name = ''], value }) => [name, value]))
  const usedBy = (pid: number | undefined): number | undefined => {
    const [then, now] = [before, after].map(({ processes }) => (pid === undefined ? undefined : processes.get(pid)))
    return then === undefined || now === undefined ? undefined : (now.own - then.own) / elapsed
  }
  const own = placement.map(({ name, members, pid }): MeasuredProcess => {
    const processors = usedBy(pid) ?? told.get(name) ?? 0
    // Of its threads the one with the most to do is the one that others wait for. One that waits for a processor is not at work.
    const active = loops.filter(({ key }) => key[0] === name && key[2] === 'active').map((one) => one.value)
    const loop = Math.min(processors, active.length === 0 ? processors : Math.max(...active))
    const memory = latest(after.metrics, 'process.memory.usage', (attributes) => attributes['dure.process'] === name)
    return { name, members, processors, loop, memory: memory ?? (pid && after.processes.get(pid)?.memory) ?? 0 }
  })
  const [starter, ...more] = new Set(
    placement.map(({ pid }) => (pid === undefined ? undefined : after.processes.get(pid)?.parent)),
  )
  const used = more.length > 0 || placement.length < 2 ? undefined : usedBy(starter)
  if (used === undefined) return own
  const memory = after.processes.get(starter!)!.memory
  return [...own, { name: 'supervisor', members: [], processors: used, loop: used, memory }]
}

function consumersOf(rate: Rate, metrics: readonly MetricFamily[]): readonly MeasuredConsumer[] {
  const lag = metrics.find(({ name }) => name === FAMILIES.lag.name)?.points ?? []
  return rate(FAMILIES.consumed.name, ['messaging.consumer.group.name', 'messaging.destination.name']).map(
    ({ key: [group = '', topic = ''], value }) => {
      const own = lag.filter(
        ({ attributes }) =>
          attributes['messaging.consumer.group.name'] === group && attributes['messaging.destination.name'] === topic,
      )
      const partitions = new Set(own.map(({ attributes }) => attributes['messaging.destination.partition.id']))
      return { group, topic, perSecond: value, partitions: Math.max(1, partitions.size) }
    },
  )
}

function poolsOf(seen: readonly (readonly MetricFamily[])[]): readonly MeasuredPool[] {
  const [name, state] = [FAMILIES.connections.name, 'db.client.connection.state']
  const points = seen.map((metrics) => metrics.find((one) => one.name === name)?.points ?? [])
  const services = new Set(points.flat().map(({ attributes }) => String(attributes['rpc.service'])))
  return [...services].map((service) => {
    const sums = points.map((of) => {
      const own = of.filter(({ attributes }) => String(attributes['rpc.service']) === service)
      const sum = (which: typeof own): number => which.reduce((total, point) => total + ('value' in point ? point.value : 0), 0)
      return { used: sum(own.filter(({ attributes }) => attributes[state] === 'used')), size: sum(own) }
    })
    return {
      service,
      used: sums.reduce((sum, { used }) => sum + used, 0) / sums.length,
      size: Math.max(...sums.map(({ size }) => size)),
    }
  })
}

function latest(
  metrics: readonly MetricFamily[],
  family: string,
  is: (attributes: MetricFamily['points'][number]['attributes']) => boolean,
): number | undefined {
  const point = metrics.find(({ name }) => name === family)?.points.find(({ attributes }) => is(attributes))
  return point !== undefined && 'value' in point ? point.value : undefined
}
