/** A duration for people: three digits and a unit. */
export function durationText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`
  if (ms < 1_000) return `${digits(ms)} ms`
  return ms < 60_000 ? `${digits(ms / 1_000)} s` : `${digits(ms / 60_000)} min`
}

function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)
}

export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

/** Names and messages may hold what somebody sent: control characters must not reach the terminal. */
export function visible(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
}
