import { partOf } from '../contract/internal.ts'
import type { Clock } from '../runtime/runtime.ts'
import { fingerprintOf } from './exception.ts'
import { fieldsText } from './log-text.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Structured logging: one JSON object a line. Never hand it inputs or secrets. */
export type Logger = {
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  /** A logger whose lines all carry these fields. */
  readonly with: (fields: LogFields) => Logger
}

/** A logger made of what a line of each level does. */
export function loggerWith(at: (level: LogLevel) => Logger['info'], more: Logger['with']): Logger {
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), with: more }
}

/** From the least to the most. */
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/**
 * A logger that never throws: not over what it is given, and not over where it writes to.
 *
 * @example
 * ```ts
 * import { realRuntime } from 'dure/runtime'
 * import { createLogger } from 'dure/telemetry'
 *
 * const lines: string[] = []
 * const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line), fields: { system: 'shop' } })
 * log.info('Ready', { port: 8080 })
 * const { level, message, port } = JSON.parse(lines[0]!) as Record<string, unknown>
 * console.log(level, message, port) // → info Ready 8080
 * ```
 */
export function createLogger(options: {
  clock: Clock
  write: (line: string) => void
  level?: LogLevel
  fields?: LogFields
}): Logger {
  const { clock, write, level = 'info', fields = {} } = options
  const at = (lineLevel: LogLevel) =>
    RANK[lineLevel] < RANK[level]
      ? (): void => {}
      : (message: string, more?: LogFields): void => {
          try {
            const head = { time: new Date(clock.now()).toJSON(), level: lineLevel, message }
            write(`${fieldsText(head, fields, more, groupOf(lineLevel, more))}\n`)
          } catch {
            // There is nowhere left to say it.
          }
        }
  return loggerWith(at, (more) => createLogger({ clock, write, level, fields: merged(fields, more) }))
}

/** Which error a line tells of, so that those of one cause are found together. */
function groupOf(level: LogLevel, fields: LogFields | undefined): LogFields | undefined {
  const error = RANK[level] < RANK.warn ? undefined : partOf(fields, 'error')
  if (error === undefined || error === null) return undefined
  const { fingerprint, groupedBy } = fingerprintOf(error)
  return { 'dure.exception.fingerprint': fingerprint, 'dure.exception.grouped_by': groupedBy }
}

/** Somebody's logger, as one that never throws: what it fails to say is said by `otherwise`. */
export function safeLogger(log: Logger, otherwise: Logger): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      const failed = (failure: unknown): void => {
        otherwise.error('The logger failed at a line, which follows', { failure })
        otherwise[level](message, fields)
      }
      try {
        const done: unknown = log[level](message, fields)
        if (done instanceof Promise) done.catch(failed)
      } catch (failure) {
        failed(failure)
      }
    }
  return loggerWith(at, (more) => {
    try {
      return safeLogger(log.with(more), otherwise.with(more))
    } catch {
      return otherwise.with(more)
    }
  })
}

function merged(fields: LogFields, more: LogFields): LogFields {
  // Types do not reach everybody: of a text, each character would be a field.
  if (typeof more !== 'object') return fields
  try {
    return { ...fields, ...more }
  } catch {
    // One of them throws when it is read: told as it is, where it is written.
    return { ...fields, fields: more }
  }
}

/**
 * A logger that says nothing, for tests and examples.
 *
 * @example
 * ```ts
 * import { silentLogger } from 'dure/telemetry'
 *
 * silentLogger().info('Nobody hears this')
 * ```
 */
export function silentLogger(): Logger {
  return loggerWith(() => () => {}, silentLogger)
}
