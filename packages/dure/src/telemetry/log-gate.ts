import { hiddenText, type Privacy } from '../contract/internal.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { loggerWith, LOG_LEVELS, type LogFields, type Logger, type LogLevel } from './log.ts'

/** Where all lines of a process pass: from which level on those of a service are written, and what never is. */
export type LogGate = {
  /** The logger, as far as it may speak. A line is of the service that the logger's fields name. */
  readonly around: (log: Logger) => Logger
  /** From which level on lines of a service are written. */
  readonly levelOf: (service: string) => LevelSetting
  /**
   * Writes from this level on for so many milliseconds, and then as before.
   * @throws {TypeError} when it is no level, or no such time
   */
  readonly setLevel: (service: string, level: LogLevel, ms: number) => LevelSetting
  /** Has fields of these names, wherever they are in what a service logs, written without their values. */
  readonly hide: (service: string, names: ReadonlyMap<string, Privacy>) => void
  readonly stop: () => void
}

export type LevelSetting = {
  readonly level: LogLevel
  /** What it is when nobody has changed it. */
  readonly usual: LogLevel
  /** Milliseconds since the epoch at which that is so again; undefined: it is so now. */
  readonly until: number | undefined
}

/** A day: who forgets it must not fill a disk. */
const LONGEST = 24 * 60 * 60 * 1_000
/** Services that are known; handlers may name what they like. */
const MOST = 1_000
/** Containers inside containers, and parts of all of them: what is beyond is left out of a line anyway. */
const [DEEPEST, LARGEST] = [12, 10_000]

type Gate = { rank: number; until: number | undefined; timer: Timer | undefined; hidden: ReadonlyMap<string, Privacy> }

/** @param usual what is written while nobody has said otherwise */
export function createLogGate({ clock, timers }: Pick<Runtime, 'clock' | 'timers'>, usual: LogLevel): LogGate {
  const lowest = LOG_LEVELS.indexOf(usual)
  const fresh = (): Gate => ({ rank: lowest, until: undefined, timer: undefined, hidden: new Map<string, Privacy>() })
  const common = fresh()
  const gates = new Map<string, Gate>()
  const gateOf = (service: string): Gate => {
    const known = gates.get(service)
    if (known !== undefined) return known
    if (gates.size >= MOST) return common
    const made = fresh()
    gates.set(service, made)
    return made
  }
  const settingOf = ({ rank, until }: Gate): LevelSetting => ({ level: LOG_LEVELS[rank]!, usual, until })

  const around = (log: Logger, gate: Gate): Logger => {
    const at = (level: LogLevel): Logger['info'] => {
      const rank = LOG_LEVELS.indexOf(level)
      return (message, fields) => (rank < gate.rank ? undefined : log[level](message, withoutHidden(fields, gate.hidden)))
    }
    return loggerWith(at, (fields) => {
      const service = (fields as { readonly service?: unknown } | null)?.service
      const own = typeof service === 'string' ? gateOf(service) : gate
      return around(log.with(withoutHidden(fields, own.hidden)), own)
    })
  }
  return {
    around: (log) => around(log, common),
    levelOf: (service) => settingOf(gateOf(service)),
    setLevel: (service, level, ms) => {
      const rank = LOG_LEVELS.indexOf(level)
      if (rank < 0) throw new TypeError(`Cannot log from level "${level}" on: the levels are ${LOG_LEVELS.join(', ')}`)
      if (!(ms > 0 && ms <= LONGEST)) throw new TypeError(`Cannot change a log level for ${ms} ms: give a time of up to a day`)
      const gate = gateOf(service)
      gate.timer?.cancel()
      gate.rank = rank
      gate.until = clock.now() + ms
      gate.timer = timers.after(ms, () => void Object.assign(gate, { rank: lowest, until: undefined, timer: undefined }))
      return settingOf(gate)
    },
    hide: (service, names) => {
      gateOf(service).hidden = names
    },
    stop: () => {
      for (const { timer } of gates.values()) timer?.cancel()
    },
  }
}

/** The same fields, shared where nothing in them is hidden. What cannot be read cannot be looked through, and is left out. */
function withoutHidden<F extends LogFields | undefined>(fields: F, hidden: ReadonlyMap<string, Privacy>): F {
  if (hidden.size === 0 || typeof fields !== 'object' || fields === null) return fields
  let left = LARGEST
  const part = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || depth > DEEPEST || left-- <= 0) return value
    if (Array.isArray(value)) {
      const parts = value.map((one) => part(one, depth + 1))
      return parts.some((one, i) => one !== value[i]) ? parts : value
    }
    // An error is told by its words, and others say themselves what they are.
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return value
    const entries = Object.entries(value)
    const changed = entries.map(([name, one]): readonly [string, unknown] => {
      const privacy = one === undefined || one === null ? undefined : hidden.get(name)
      return [name, privacy === undefined ? part(one, depth + 1) : hiddenText(privacy)]
    })
    return changed.some(([, one], i) => one !== entries[i]![1]) ? Object.fromEntries(changed) : value
  }
  try {
    return part(fields, 0) as F
  } catch {
    return { fields: '(cannot be read)' } as unknown as F
  }
}
