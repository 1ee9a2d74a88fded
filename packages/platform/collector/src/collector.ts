/** One store for logs, spans, metrics and exceptions, and the protocols that bring them and take them away. */
export {
  collector,
  startCollector,
  type CollectorDoor,
  type CollectorLimits,
  type CollectorOptions,
  type StartedCollector,
} from './started.ts'
export { collectorParts } from './operator/operator.ts'
export type { Collected } from './collected.ts'
export { dropWhen, enrich, parseJson, parseText, type Pipelines, type Step } from './pipeline.ts'
export type { FollowedFile } from './in/follow.ts'
export type { ForwardTarget } from './out/forward.ts'
export type { ScrapeTarget } from './in/scrape.ts'
export type { ExceptionRecord, LogRecord, MetricRecord, SpanRecord } from './record.ts'
