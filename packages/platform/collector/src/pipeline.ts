/** What is done to records before they are stored: plain functions, one after the other. */
import type { Attributes, Batch, LogRecord, MetricRecord, SpanRecord } from './record.ts'
import { attributesOf, shortened } from './attributes.ts'
import { severityOf } from './record.ts'

/** Gives the record, another one, or undefined: then it is dropped. */
export type Step<T> = (record: T) => T | undefined

export type Pipelines = {
  readonly logs?: readonly Step<LogRecord>[]
  readonly spans?: readonly Step<SpanRecord>[]
  readonly metrics?: readonly Step<MetricRecord>[]
}

export type Processed = {
  readonly batch: Batch
  readonly dropped: number
  /** Records that a step threw at: they go on as they were. */
  readonly failed: number
}

export function runPipelines(pipelines: Pipelines, batch: Batch): Processed {
  let [dropped, failed] = [0, 0]
  const run = <T>(steps: readonly Step<T>[] | undefined, records: readonly T[]): readonly T[] => {
    if (steps === undefined || steps.length === 0) return records
    return records.flatMap((record) => {
      let now: T | undefined = record
      for (const step of steps) {
        try {
          now = step(now)
        } catch {
          failed++
        }
        if (now === undefined) {
          dropped++
          return []
        }
      }
      return [now]
    })
  }
  const { logs, spans, metrics } = pipelines
  const done = { ...batch, logs: run(logs, batch.logs), spans: run(spans, batch.spans), metrics: run(metrics, batch.metrics) }
  return { batch: done, dropped, failed }
}

/**
 * Reads a line whose text is a JSON object: its fields become attributes, its message the text, its level the level.
 *
 * @example
 * ```ts
 * import { collector, parseJson } from '@dure/collector'
 *
 * const door = collector({ pipelines: { logs: [parseJson()] } })
 * console.log(door.name) // → collector
 * ```
 */
export function parseJson(): Step<LogRecord> {
  return (record) => {
    if (!record.body.startsWith('{')) return record
    let fields: Readonly<Record<string, unknown>>
    try {
      fields = JSON.parse(record.body) as typeof fields
    } catch {
      return record
    }
    const { message, msg, level, severity, ...rest } = fields
    const body = [message, msg].find((text) => typeof text === 'string')
    const said = level ?? severity
    return {
      ...record,
      ...(typeof body === 'string' && { body }),
      ...(said !== undefined && { severity: severityOf(said) }),
      attributes: { ...record.attributes, ...attributesOf(rest) },
    }
  }
}

/**
 * Reads a line whose text is of a shape: the named groups of the pattern become attributes; `level` and `message` the level and
 * the text. A line of another shape stays as it is.
 *
 * @example
 * ```ts
 * import { collector, parseText } from '@dure/collector'
 *
 * const access = parseText(/^(?<client>\S+) "(?<method>[A-Z]+) (?<path>\S+)[^"]*" (?<status>\d+)/)
 * const door = collector({ pipelines: { logs: [access] } })
 * console.log(door.name) // → collector
 * ```
 */
export function parseText(pattern: RegExp): Step<LogRecord> {
  return (record) => {
    // Only of the beginning: a pattern may take far longer on a long text.
    const groups = pattern.exec(shortened(record.body, 4_000))?.groups
    if (groups === undefined) return record
    const { level, message, ...rest } = groups
    return {
      ...record,
      ...(message !== undefined && { body: message }),
      ...(level !== undefined && { severity: severityOf(level) }),
      attributes: { ...record.attributes, ...attributesOf(rest) },
    }
  }
}

/**
 * Adds attributes to all records.
 *
 * @example
 * ```ts
 * import { collector, enrich } from '@dure/collector'
 *
 * const door = collector({ pipelines: { logs: [enrich({ 'deployment.environment.name': 'staging' })] } })
 * console.log(door.name) // → collector
 * ```
 */
export function enrich<T extends { readonly attributes: Attributes }>(attributes: Attributes): Step<T> {
  return (record) => ({ ...record, attributes: { ...attributes, ...record.attributes } })
}

/**
 * Drops what a function says yes to.
 *
 * @example
 * ```ts
 * import { collector, dropWhen } from '@dure/collector'
 *
 * const door = collector({ pipelines: { spans: [dropWhen(({ name }) => name === 'GET /health')] } })
 * console.log(door.name) // → collector
 * ```
 */
export function dropWhen<T>(when: (record: T) => boolean): Step<T> {
  return (record) => (when(record) ? undefined : record)
}
