import { isInstance } from '../contract/internal.ts'
import type { Clock } from '../runtime/runtime.ts'
import { exceptionAttributes } from './exception.ts'
import { logText } from './log-text.ts'
import { loggerWith, type LogFields, type Logger, type LogLevel } from './log.ts'
import type { AttributeValue, Attributes } from './span.ts'

/** A log line as sinks get it. */
export type LogRecord = {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly level: LogLevel
  readonly message: string
  /** Undefined: it is said by the system, and by none of its services. */
  readonly service: string | undefined
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly attributes: Attributes
}

/** Tells of the lines of a logger, besides their being written. */
export type LogTap = {
  /** The same logger; what goes through it is told of. */
  readonly around: (logger: Logger) => Logger
  /** Whom to tell. What was said before is told of as well, the latest of it. */
  readonly to: (take: (line: LogRecord) => void) => void
}

/** Lines that wait for somebody to be told. */
const EARLY = 200
/** Characters of a text, and fields of a line. */
const [LONGEST, MOST] = [4_000, 64]

/**
 * @param wants whether debugging of a service is told of. Default: it stays where it is written, as there is far more of it than of all
 * else
 */
export function createLogTap(clock: Clock, wants: (service: string) => boolean = () => false): LogTap {
  const early: LogRecord[] = []
  let take = (line: LogRecord): void => {
    if (early.length < EARLY) early.push(line)
  }
  const around = (logger: Logger, own: LogFields | undefined): Logger => {
    const at = (level: LogLevel): Logger['info'] => {
      const write = logger[level]
      return (message, fields) => {
        write(message, fields)
        if (level === 'debug' && !wants(String(own?.['service'] ?? ''))) return
        try {
          take(recordOf(clock.now(), level, message, own, fields))
        } catch {
          // A field of it throws when it is read: it is written, as far as it can be, and that is all.
        }
      }
    }
    return loggerWith(at, (more) => around(logger.with(more), { ...own, ...more }))
  }
  return {
    around: (logger) => around(logger, undefined),
    to: (next) => {
      take = next
      for (const line of early.splice(0)) next(line)
    },
  }
}

function recordOf(time: number, level: LogLevel, message: string, ...fields: readonly (LogFields | undefined)[]): LogRecord {
  const attributes: Record<string, AttributeValue> = {}
  const found: { service?: string; traceId?: string; spanId?: string } = {}
  let room = MOST
  for (const holder of fields) {
    for (const name in holder) {
      const value = holder[name]
      if (value === undefined || room-- <= 0) continue
      if ((name === 'service' || name === 'traceId' || name === 'spanId') && typeof value === 'string') found[name] = value
      else if (isInstance(value, Error)) Object.assign(attributes, exceptionAttributes(value))
      else attributes[name] = plain(value)
    }
  }
  const { service, traceId, spanId } = found
  return { time, level, message: String(message).slice(0, LONGEST), service, traceId, spanId, attributes }
}

function plain(value: unknown): AttributeValue {
  if (typeof value === 'string') return value.slice(0, LONGEST)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  return logText(value).slice(0, LONGEST)
}
