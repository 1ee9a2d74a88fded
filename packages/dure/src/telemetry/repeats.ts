import { describeThrown } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { LogFields, Logger } from './log.ts'

/** Milliseconds for which repeats of a line are counted: at first, and at most; the next time is twice as long. */
const [FIRST, LONGEST] = [60_000, 600_000]
/** Different lines that are known at once. */
const MOST = 1_000

type Line = { readonly level: 'warn' | 'error'; readonly log: Logger; readonly message: string; fields: LogFields | undefined }
type Known = Line & { until: number; span: number; count: number }

/** Loggers that fold, and what they write to. */
const folding = new WeakMap<Logger, Logger>()

/**
 * The same logger for what tries again and again: a warning or an error that comes again with the same failure is written
 * at once the first time, and then as a count (`repeated`) with the last one's fields. What happens to one call, or is
 * said by a handler, is no repeat: see `plainLogger`.
 *
 * @example
 * ```ts
 * import { foldRepeats, silentLogger } from 'dure/telemetry'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const messages: unknown[] = []
 * const log = foldRepeats({ ...silentLogger(), warn: (message) => void messages.push(message) }, virtualRuntime())
 * for (let i = 0; i < 100; i++) log.warn('The broker cannot be reached')
 * console.log(messages.length) // → 1
 * ```
 */
export function foldRepeats(log: Logger, runtime: Pick<Runtime, 'clock' | 'timers'>): Logger {
  if (folding.has(log)) return log
  const { clock, timers } = runtime
  const known = new Map<string, Known>()

  /** The time of a line is over: it says how often it came meanwhile. */
  const tell = (line: Known): void => {
    line.log[line.level](line.message, { ...line.fields, repeated: line.count })
    line.count = 0
    line.span = Math.min(LONGEST, line.span * 2)
    line.until = clock.monotonic() + line.span
  }

  const again = (line: Known, fields: LogFields | undefined): void => {
    line.fields = fields
    if (line.count++ === 0) timers.after(line.until - clock.monotonic(), () => tell(line))
  }

  /** The one that has been known for longest, of those whose repeats are all told. */
  const forgetOne = (): void => {
    for (const [key, { count }] of known) if (count === 0) return void known.delete(key)
  }

  const write = (key: string, line: Line): void => {
    const now = clock.monotonic()
    const before = known.get(key)
    if (before !== undefined && (before.count > 0 || now < before.until)) return again(before, line.fields)
    if (known.size >= MOST) forgetOne()
    // After a time as long without one it is news again.
    const span = before !== undefined && now < before.until + before.span ? Math.min(LONGEST, before.span * 2) : FIRST
    if (known.size < MOST || before !== undefined) known.set(key, { ...line, until: now + span, span, count: 0 })
    line.log[line.level](line.message, line.fields)
  }

  const over = (plain: Logger, whose: string): Logger => {
    const at =
      (level: 'warn' | 'error') =>
      (message: string, fields?: LogFields): void =>
        write(`${level} ${message} ${whose} ${failureOf(fields)}`, { level, log: plain, message, fields })
    const more: Logger['with'] = (fields) => over(plain.with(fields), `${whose} ${texts(fields)}`)
    const folded: Logger = { debug: plain.debug, info: plain.info, warn: at('warn'), error: at('error'), with: more }
    folding.set(folded, plain)
    return folded
  }
  return over(log, '')
}

/** The logger that writes every line. */
export function plainLogger(log: Logger): Logger {
  return folding.get(log) ?? log
}

/** What tells one line from another with the same words: whom it is about, and why. */
function failureOf(fields: LogFields | undefined): string {
  if (fields === undefined) return ''
  const { error, ...rest } = fields
  return `${describeThrown(error).message.slice(0, 200)} ${texts(rest)}`
}

/** Names only: numbers change from one time to the next. */
function texts(fields: LogFields): string {
  return Object.values(fields)
    .filter((value) => typeof value === 'string')
    .join(' ')
    .slice(0, 500)
}
