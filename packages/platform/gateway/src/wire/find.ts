import { CR, LF, TOKEN } from './characters.ts'
import { fault, type Fault } from './head.ts'

/** Where the head of a message is looked for, as its bytes come. */
export type Found = {
  /** What has come of it so far. */
  partial: string
  /** All of it, once it is there. */
  text: string
  /** The byte after it. */
  end: number
}

/** Most heads are not longer: what comes along with one is not looked at. */
const FIRST = 2_048

/** Looks on; true when the head is all there, false when there is more to come. */
export function findHead(found: Found, bytes: Buffer, from: number, to: number, most: number): boolean | Fault {
  const { partial: before } = found
  if (before === '' && to - from > FIRST) {
    const start = bytes.toString('latin1', from, from + FIRST)
    if (start.includes('\r\n\r\n', 2)) return findIn(found, start, '', from, most)
  }
  // Of a body that comes along with its head not more is looked at than a head may have.
  const upTo = Math.min(to, from + most + 4 - before.length)
  const whole = before === '' ? bytes.toString('latin1', from, upTo) : before + bytes.toString('latin1', from, upTo)
  return findIn(found, whole, before, from, most)
}

/** @param whole all that has come, and what of it had been looked at before */
function findIn(found: Found, whole: string, before: string, from: number, most: number): boolean | Fault {
  // A server that meets an empty line before a request leaves it out: RFC 9112, section 2.2.
  const skipped = whole.startsWith('\r\n') ? 2 : 0
  const at = whole.indexOf('\r\n\r\n', Math.max(skipped, before.length - 3))
  if (at === -1 || at + 4 > most) {
    if (whole.length > most) return fault(431, `its head is longer than ${most} bytes`)
    const wrong = earlyFault(whole, skipped, Math.max(0, before.length - 1))
    if (wrong !== undefined) return wrong
    found.partial = whole
    return false
  }
  found.partial = ''
  found.text = whole.slice(skipped, at + 4)
  found.end = from + at + 4 - before.length
  return true
}

/** What can come to nothing is not waited for. */
function earlyFault(text: string, start: number, from: number): Fault | undefined {
  if (text.length > start && text !== '\r' && TOKEN[text.charCodeAt(start)] === 0)
    return fault(400, 'its first byte begins no message')
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const alone =
      code === LF ? text.charCodeAt(i - 1) !== CR : code === CR && i + 1 < text.length && text.charCodeAt(i + 1) !== LF
    if (code === 0 || alone) return fault(400, 'it has a CR or LF by itself, or a NUL')
  }
  return undefined
}
