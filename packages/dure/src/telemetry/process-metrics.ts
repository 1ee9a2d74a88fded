import type { Runtime } from '../runtime/runtime.ts'
import type { Family } from './families.ts'
import { createHistogram, type Histogram } from './histogram.ts'
import { PROCESS, type MetricFamily, type Metrics, type Observed } from './metrics.ts'

const of =
  (kind: Family['kind']) =>
  (name: string, unit: string, help: string): Family => ({ name, help, unit, kind })
const [gauge, counter, histogram] = [of('gauge'), of('counter'), of('histogram')]

/** In the words of OpenTelemetry's conventions for processes, Node.js and V8. */
const CPU = counter('process.cpu.time', 's', 'Time of the processor')
const MEMORY = gauge('process.memory.usage', 'By', 'Memory that the process has')
const UPTIME = gauge('process.uptime', 's', 'Time since the process began')
const FILES = gauge('process.unix.file_descriptor.count', '{file_descriptor}', 'Files and sockets that are open')
const RESOURCES = gauge('dure.process.resources', '{resource}', 'What keeps the process alive, by kind')
const UTILIZATION = counter('nodejs.eventloop.time', 's', 'Time of the event loop, at work and waiting')
const HEAP = gauge('v8js.memory.heap.used', 'By', 'Memory of the heap in use')
const HEAP_LIMIT = gauge('v8js.memory.heap.limit', 'By', 'Memory that the heap may have')
const GC = histogram('v8js.gc.duration', 's', 'Duration of garbage collections')
const DELAYS = (['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const).map(
  (part) => [part, gauge(`nodejs.eventloop.delay.${part}`, 's', `Delay of the event loop, ${part} of the last while`)] as const,
)

/** Measures the process that it runs in, under this name; where the runtime is no process, nothing. Gives how that ends. */
export function observeProcess(name: string, metrics: Metrics, { process }: Pick<Runtime, 'process'>): () => void {
  if (process === undefined) return () => {}
  const collections = new Map<string, Histogram>()
  const watch = process((kind, ms) => {
    const known = collections.get(kind) ?? createHistogram()
    collections.set(kind, known)
    known.record(ms)
  })
  const whole = { [PROCESS]: name, 'host.name': watch.host }
  // Threads of one process have a heap and an event loop each.
  const own = watch.thread === 0 ? whole : { ...whole, 'thread.id': watch.thread }
  const unobserve = metrics.observe((): readonly Observed[] => {
    const { uptime, cpu, memory, openFiles, resources, heap, loop } = watch.read()
    const gc: MetricFamily = {
      ...GC,
      points: [...collections].map(([kind, seen]) => {
        const { sum, ...rest } = seen.snapshot()
        return { attributes: { ...own, 'v8js.gc.type': kind }, sum: sum / 1_000, ...rest }
      }),
    }
    return [
      { family: UPTIME, attributes: whole, value: uptime },
      { family: CPU, attributes: { ...whole, 'cpu.mode': 'user' }, value: cpu.user },
      { family: CPU, attributes: { ...whole, 'cpu.mode': 'system' }, value: cpu.system },
      { family: MEMORY, attributes: whole, value: memory },
      ...(openFiles === undefined ? [] : [{ family: FILES, attributes: whole, value: openFiles }]),
      ...[...resources].map(([kind, value]) => ({
        family: RESOURCES,
        attributes: { ...own, 'dure.resource.type': kind },
        value,
      })),
      { family: UTILIZATION, attributes: { ...own, 'nodejs.eventloop.state': 'active' }, value: loop.active },
      { family: UTILIZATION, attributes: { ...own, 'nodejs.eventloop.state': 'idle' }, value: loop.idle },
      ...DELAYS.map(([part, family]) => ({ family, attributes: own, value: loop.delay[part] })),
      { family: HEAP_LIMIT, attributes: own, value: heap.limit },
      ...[...heap.spaces].map(([space, value]) => ({
        family: HEAP,
        attributes: { ...own, 'v8js.heap.space.name': space },
        value,
      })),
      gc,
    ]
  })
  return () => {
    unobserve()
    watch.stop()
  }
}
