import type { Clock } from '../runtime/runtime.ts'

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

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

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
          write(
            `${JSON.stringify({ time: new Date(clock.now()).toISOString(), level: lineLevel, message, ...fields, ...more }, printable)}\n`,
          )
        }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger({ clock, write, level, fields: { ...fields, ...more } }),
  }
}

/** Errors and bigints have no JSON form of their own; a log line must not fail over them. */
function printable(_key: string, value: unknown): unknown {
  if (value instanceof Error) {
    return {
      name: value.name,
      message: value.message,
      code: (value as { code?: unknown }).code,
      stack: value.stack,
      cause: value.cause,
    }
  }
  return typeof value === 'bigint' ? value.toString() : value
}

export function silentLogger(): Logger {
  const silent = (): void => {}
  const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent, with: () => logger }
  return logger
}
