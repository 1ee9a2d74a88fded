/** What can be asked of the store. */
import type { ExceptionRecord, SpanRecord } from '../record.ts'
import type { LogFilter } from './query.ts'
import type { LogCounts, LogLine, LogPage } from './read-logs.ts'
import type { ReadNumbers } from './read-numbers.ts'
import type { Build, BuildEdge, BuildOperation, BuildsAsked } from './read-builds.ts'
import type { Edge, ServiceOperations, TraceFilter, TraceSummary } from './read-traces.ts'

/** As the thread that reads answers it. */
export type Answers = {
  readonly searchLogs: (asked: LogFilter & { readonly before?: string | undefined; readonly limit: number }) => LogPage
  readonly surroundingLogs: (asked: {
    readonly id: string
    readonly count: number
    readonly sameService: boolean
  }) => readonly LogLine[]
  readonly countLogs: (asked: LogFilter & { readonly from: number; readonly to: number; readonly slots: number }) => LogCounts
  readonly logServices: () => readonly string[]
  readonly listTraces: (asked: TraceFilter & { readonly limit: number }) => readonly TraceSummary[]
  readonly readTrace: (traceId: string) => readonly SpanRecord[]
  readonly readBriefTrace: (traceId: string) => readonly SpanRecord[]
  readonly findTraces: (asked: { readonly prefix: string; readonly limit: number }) => readonly string[]
  readonly traceServices: () => readonly ServiceOperations[]
  readonly readEdges: (asked: { readonly from: number; readonly to: number }) => readonly Edge[]
  readonly readBuilds: () => readonly Build[]
  readonly compareBuilds: (asked: BuildsAsked) => {
    readonly operations: readonly BuildOperation[]
    readonly edges: readonly BuildEdge[]
  }
  readonly metricNames: ReadNumbers['names']
  readonly metricSeries: ReadNumbers['series']
  readonly latestMetrics: ReadNumbers['latest']
  readonly exceptionGroups: ReadNumbers['groups']
  readonly exceptionSamples: (fingerprint: string) => readonly ExceptionRecord[]
  readonly close: () => void
}

/** The same, from another thread. */
export type Questions = {
  readonly [Name in Exclude<keyof Answers, 'close'>]: (...asked: Parameters<Answers[Name]>) => Promise<ReturnType<Answers[Name]>>
}

export const QUESTIONS: readonly (keyof Questions)[] = [
  ...(['searchLogs', 'surroundingLogs', 'countLogs', 'logServices'] as const),
  ...(['listTraces', 'readTrace', 'readBriefTrace', 'findTraces', 'traceServices', 'readEdges'] as const),
  ...(['readBuilds', 'compareBuilds'] as const),
  ...(['metricNames', 'metricSeries', 'latestMetrics', 'exceptionGroups', 'exceptionSamples'] as const),
]
