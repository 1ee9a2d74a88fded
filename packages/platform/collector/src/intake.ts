/** What is between the protocols and the store: pipelines, exceptions, who follows the logs, and what is counted. */
import type { Clock } from 'dure/runtime'
import { createExceptions } from './exceptions.ts'
import { Fault } from './fault.ts'
import { runPipelines, type Pipelines } from './pipeline.ts'
import { type Batch, LEVELS, type LogRecord, rankOf } from './record.ts'
import type { Appended, LogLine, Store, StoreCounters } from './store/store.ts'

export type Protocol = 'otlp' | 'zipkin' | 'sentry' | 'bulk' | 'lines' | 'file' | 'scrape'

export type Intake = {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly take: (protocol: Protocol, batch: Batch) => Promise<Appended>
  /** Counts what was not taken, because it was malformed or too large. */
  readonly refuse: (protocol: Protocol, items: number) => void
  readonly counters: () => IntakeCounters
  /** Tells of all lines as they come, until it is called off. */
  readonly follow: (listener: (lines: readonly Tailed[]) => void) => () => void
}

export type IntakeCounters = StoreCounters & {
  /** By protocol: what was taken, and what was malformed. */
  readonly protocols: Readonly<Partial<Record<Protocol, { readonly taken: number; readonly refused: number }>>>
  /** What pipelines dropped, and what they threw at. */
  readonly pipelines: { readonly dropped: number; readonly failed: number }
  /** What did not get to those it is sent on to, by where that is. */
  readonly forwardDropped: Readonly<Record<string, number>>
}

/** Where what is stored goes on to. */
export type Onward = { readonly take: (batch: Batch) => void; readonly dropped: () => Readonly<Record<string, number>> }

/** A line that has just come: where it will be in the store is not known yet. */
export type Tailed = Omit<LogLine, 'id'>

export function createIntake(options: {
  readonly store: Store
  readonly pipelines: Pipelines
  readonly clock: Clock
  readonly forward: Onward
}): Intake {
  const { store, pipelines, clock, forward } = options
  const find = createExceptions()
  const listeners = new Set<(lines: readonly Tailed[]) => void>()
  const protocols: Partial<Record<Protocol, { taken: number; refused: number }>> = {}
  const done = { dropped: 0, failed: 0 }
  const of = (protocol: Protocol): { taken: number; refused: number } => (protocols[protocol] ??= { taken: 0, refused: 0 })
  return {
    now: () => clock.now(),
    take: async (protocol, given) => {
      const { batch, dropped, failed } = runPipelines(pipelines, given)
      done.dropped += dropped
      done.failed += failed
      const how = await store.append({ ...batch, exceptions: find(batch) })
      if (how !== 'stored') return how
      forward.take(batch)
      of(protocol).taken += given.logs.length + given.spans.length + given.metrics.length
      if (listeners.size > 0 && batch.logs.length > 0) {
        const lines = batch.logs.map(tailed)
        for (const listener of listeners) listener(lines)
      }
      return how
    },
    refuse: (protocol, items) => {
      of(protocol).refused += items
    },
    counters: () => ({
      ...store.counters(),
      protocols: structuredClone(protocols),
      pipelines: { ...done },
      forwardDropped: forward.dropped(),
    }),
    follow: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

function tailed({ traceId, spanId, ...rest }: LogRecord): Tailed {
  return { ...rest, level: LEVELS[rankOf(rest.severity)]!, ...(traceId && { traceId }), ...(spanId && { spanId }) }
}

/** Takes it, or says in HTTP's terms why it cannot. @throws {Fault} 429, 503 */
export async function stored(intake: Intake, protocol: Protocol, some: Partial<Batch>): Promise<void> {
  const how = await intake.take(protocol, { logs: [], spans: [], metrics: [], exceptions: [], ...some })
  if (how === 'busy') throw new Fault(429, 'Cannot take it now: more waits to be written than may; come again', 1)
  if (how === 'full') throw new Fault(503, 'Cannot take it now: the disk of the collector is full', 30)
}
