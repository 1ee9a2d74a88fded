/** Dates, bigints and bytes as text. Each reader answers undefined for what is not exactly its form. */

const dateTime = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/

/** RFC 3339, and the extended years that Date itself writes. */
export function dateFromText(text: unknown): Date | undefined {
  if (typeof text !== 'string') return undefined
  const parts = dateTime.exec(text)
  if (parts === null) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) return undefined
  // Date rolls the 30th of February over into March; whoever wrote it meant something else.
  const [, year, month, day] = parts
  const last = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate()
  return Number(day) > last ? undefined : date
}

export function bigintFromText(text: unknown): bigint | undefined {
  return typeof text === 'string' && /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

/** What pages have instead of buffers: newer than the types that this is checked with. */
type InPages = { readonly toBase64: () => string; readonly fromBase64: (text: string) => Uint8Array }

export function bytesToText(bytes: Uint8Array): string {
  if (typeof Buffer === 'undefined') return (bytes as unknown as InPages).toBase64()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function bytesFromText(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  if (typeof Buffer === 'undefined') return (Uint8Array as unknown as InPages).fromBase64(text)
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** Longer texts are faster read by the platform. */
const SHORT = 20

/** A short text of ASCII in bytes; undefined when it is longer, or something else. For a few letters a call of the platform costs more than reading them. */
export function shortText(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > SHORT) return undefined
  let text = ''
  let at = from
  for (; at + 4 <= to; at += 4) {
    const [one, two, three, four] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!]
    if ((one | two | three | four) > 127) return undefined
    text += String.fromCharCode(one, two, three, four)
  }
  for (; at < to; at++) {
    const one = bytes[at]!
    if (one > 127) return undefined
    text += String.fromCharCode(one)
  }
  return text
}
