import { realRuntime } from 'dure/runtime'
/** A duration for people: three digits and a unit. */
export function durationText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`
  if (ms < 1_000) return `${digits(ms)} ms`
  return ms < 60_000 ? `${digits(ms / 1_000)} s` : `${digits(ms / 60_000)} min`
}

function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)
}

/** Names and messages may hold what somebody sent: control characters must not reach the terminal. */
export function visible(text: string): string {
  return harmless(text.replaceAll(/\s+/g, ' '))
}

/** Without characters that control a terminal or hide; the joiner inside a picture of several (👩‍👧) is a part of it. */
export function harmless(text: string): string {
  return text.replaceAll(
    /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})|([\p{Cc}\p{Cf}])/gu,
    (found, bad?: string) => (bad === undefined ? found : '?'),
  )
}

/** A moment for people, in their own time. */
export function timeText(time: number): string {
  const date = new Date(time)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** How long ago something was. */
export function agoText(time: number, now: number = realRuntime().clock.now()): string {
  return `${ageText(now - time)} ago`
}

/** A length of time in its largest unit: `3 min`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

export { counted } from '@dure/simulation/text/internal'

export function bytesText(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
