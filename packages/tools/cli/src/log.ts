import { describeThrown, isInstance, partOf } from 'dure/contract/internal'
import type { World } from 'dure/service'
import type { LogLevel } from 'dure/telemetry'
import { loggerWith, logText } from 'dure/telemetry/internal'
import { realRuntime } from 'dure/runtime'
import { paint, say, type Shell } from './shell.ts'

type Logger = World['log']
type Fields = Readonly<Record<string, unknown>>

/** Log lines for a person at a terminal: time, level, message, then the fields. */
export function consoleLogger(options: {
  readonly now: () => number
  readonly write: (text: string) => void
  readonly color: boolean
  /** `debug` for all lines; default `info`. */
  readonly level?: 'debug' | 'info'
  readonly fields?: Fields
  /** The failure that was told last, so that the same one is not told again in full. */
  readonly last?: { text: string }
}): Logger {
  const { now, write, fields = {}, last = { text: '' } } = options
  const at =
    (level: LogLevel): Logger['info'] =>
    (message, more) => {
      if (level === 'debug' && options.level !== 'debug') return
      const time = new Date(now()).toISOString().slice(11, 23)
      const { error, ...rest } = { ...fields, ...more }
      const pairs = Object.entries(rest).map(([name, value]) => paint(options, 'dim', `${name}=${valueText(value)}`))
      const head = [paint(options, 'dim', time), paint(options, STYLES[level], level.padEnd(5)), message, ...pairs].join(' ')
      if (error === undefined) return write(`${head}\n`)
      const text = errorText(error)
      write(`${head}\n${text === last.text ? paint(options, 'dim', `    ${firstLine(text)} (as before)`) : text}\n`)
      last.text = text
    }
  return loggerWith(at, (more) => consoleLogger({ ...options, last, fields: { ...fields, ...more } }))
}

const STYLES = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const

/** Of longer lists the first and the last are told. */
const LISTED = 3

function valueText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value) && value.length > LISTED) {
    return `${valueText(value[0])}…${valueText(value.at(-1))} (${value.length})`
  }
  const text = logText(value)
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}

/** Causes of causes that are told; one may be its own. */
const CAUSES = 5

function errorText(error: unknown, deep: number = 0): string {
  const { stack, message } = describeThrown(error)
  const lines = ownFrames((stack ?? message).split('\n').filter((line) => !line.includes('node:internal')))
  const inner = isInstance(error, Error) && deep < CAUSES ? partOf(error, 'cause') : undefined
  const cause = inner === undefined ? '' : `\n    caused by ${errorText(inner, deep + 1).trim()}`
  return (
    lines
      .slice(0, 12)
      .map((line) => `    ${line.trim()}`)
      .join('\n') + cause
  )
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

/** Where Dure stands when it is not in `node_modules`. */
const DURE = new URL('../../../', import.meta.url).pathname

/** Frames of other people's code say nothing to whoever wrote the handler, as long as there is one of their own. */
function ownFrames(lines: readonly string[]): readonly string[] {
  const isFrame = (line: string): boolean => /^\s+at /.test(line)
  const foreign = (line: string): boolean => isFrame(line) && (line.includes('node_modules') || line.includes(DURE))
  return lines.some((line) => isFrame(line) && !foreign(line)) ? lines.filter((line) => !foreign(line)) : lines
}

/** For a person at this terminal. */
export function loggerOf(shell: Shell, level?: 'debug' | 'info'): Logger {
  const { now } = realRuntime().clock
  return consoleLogger({ now, write: (text) => shell.process.stderr.write(text), color: shell.color, ...(level && { level }) })
}

/** For machines; for people; and for whoever writes the system, who sees each request as well. */
export type LogStyle = 'json' | 'pretty' | 'dev'

/** Says what becomes of a system. */
export type Say = (level: 'info' | 'warn' | 'error', message: string, fields?: Fields) => void

/** On standard error: for people, or one JSON object a line. */
export function sayTo(shell: Shell, log: LogStyle, system: string): Say {
  const logger = loggerOf(shell)
  const { now } = realRuntime().clock
  return (level, message, fields = {}) => {
    if (log !== 'json') logger[level](message, fields)
    else say(shell, JSON.stringify({ time: new Date(now()).toISOString(), level, message, system, ...fields }))
  }
}
