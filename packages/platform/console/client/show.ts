/** Numbers and times as a reader wants them. */
import { language } from './settings.ts'

const cache = new Map<string, Intl.NumberFormat>()

function format(value: number, options: Intl.NumberFormatOptions): string {
  const key = language.value + JSON.stringify(options)
  let found = cache.get(key)
  if (found === undefined) cache.set(key, (found = new Intl.NumberFormat(language.value, options)))
  return found.format(value)
}

export const number = (value: number): string => format(value, { maximumFractionDigits: 2 })
export const compact = (value: number): string =>
  Math.abs(value) < 10_000
    ? format(value, { maximumFractionDigits: 1 })
    : format(value, { notation: 'compact', maximumFractionDigits: 1 })
export const percent = (share: number): string => format(share, { style: 'percent', maximumFractionDigits: share < 0.1 ? 1 : 0 })

/** Milliseconds, in the unit that leaves two or three digits. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  const size = Math.abs(ms)
  if (size === 0) return '0 ms'
  if (size < 1) return `${format(ms * 1000, { maximumFractionDigits: 0 })} µs`
  if (size < 1000) return `${format(ms, { maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0 })} ms`
  if (size < 60_000) return `${format(ms / 1000, { maximumFractionDigits: 2 })} s`
  if (size < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
  if (size < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
  return `${format(ms / 86_400_000, { maximumFractionDigits: 1 })} d`
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let at = 0
  let left = value
  while (left >= 1024 && at < units.length - 1) {
    left /= 1024
    at++
  }
  return `${format(left, { maximumFractionDigits: left < 10 && at > 0 ? 1 : 0 })} ${units[at]}`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** The time of day with milliseconds; the date too when it is not today. */
export function time(ms: number): string {
  const at = new Date(ms)
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
  return at.toDateString() === new Date().toDateString()
    ? text
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${text}`
}

/** Whatever a server may call a moment: milliseconds, or text of ISO 8601. */
export function moment(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

/** `3 min ago`, in the reader's language. */
export function ago(ms: number): string {
  const seconds = Math.round((ms - Date.now()) / 1000)
  const relative = new Intl.RelativeTimeFormat(language.value, { style: 'narrow', numeric: 'auto' })
  for (const [unit, size] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  return relative.format(seconds, 'second')
}

/** The beginning of an id. */
export const short = (id: string): string => (id.length > 14 ? id.slice(0, 8) : id)

/** A value as one line of text. */
export function line(value: unknown): string {
  if (value === undefined || value === null) return '–'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return number(value)
  if (typeof value === 'boolean') return String(value)
  return JSON.stringify(value)
}

/** A stable choice of one of `count` colours. */
export function hue(name: string, count = 8): number {
  let sum = 7
  for (let at = 0; at < name.length; at++) sum = (sum * 31 + name.charCodeAt(at)) % 104_729
  return sum % count
}
