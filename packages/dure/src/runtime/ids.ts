import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** Identity as a port. */
export type Ids = {
  /** A new UUIDv7 (RFC 9562): 48 bits of milliseconds, then a counter, then chance; sorts by time of making. */
  readonly next: () => string
  /** `bytes` random bytes in lower-case hexadecimal: trace and span ids. */
  readonly hex: (bytes: number) => string
}

/** Text made of many pieces would be put together again by whoever writes it: digits are written into bytes, and those are read once. */
const DIGITS: Buffer = Buffer.from('0123456789abcdef')
const LONGEST = 64
const written: Buffer = Buffer.alloc(LONGEST)

/** Writes the lowest bits of a number, four for each digit. */
export function writeHex(into: Buffer, at: number, digits: number, bits: number): void {
  for (let i = 0; i < digits; i++) into[at + i] = DIGITS[(bits >>> ((digits - 1 - i) * 4)) & 15]!
}

/**
 * UUIDv7 with the 12 bits after the version used as a counter (RFC 9562 §6.2, method 1), so that ids
 * made within one millisecond, and ids made after the wall clock stepped back, still sort in order.
 */
export function createIds(options: { clock: Clock; random: Random }): Ids {
  const { clock, random } = options
  let last = 0
  let counter = 0
  const id = Buffer.from('00000000-0000-7000-8000-000000000000')

  const moveTo = (time: number): void => {
    last = time
    const hex = time.toString(16).padStart(12, '0')
    id.write(`${hex.slice(0, 8)}-${hex.slice(8)}`, 'latin1')
  }

  return {
    next: () => {
      const now = clock.now()
      if (now > last) {
        moveTo(now)
        counter = random.word() & 0x3ff
      } else if (++counter > 0xfff) {
        // The counter ran out inside one millisecond: borrow the next one rather than repeat.
        moveTo(last + 1)
        counter = 0
      }
      const high = random.word()
      const low = random.word()
      writeHex(id, 15, 3, counter)
      writeHex(id, 19, 4, 0x8000 | ((high >>> 16) & 0x3fff))
      writeHex(id, 24, 4, high & 0xffff)
      writeHex(id, 28, 8, low)
      return id.toString('latin1')
    },
    hex: (bytes) => {
      const into = bytes * 2 + 8 > LONGEST ? Buffer.alloc(bytes * 2 + 8) : written
      for (let at = 0; at < bytes * 2; at += 8) writeHex(into, at, 8, random.word())
      return into.toString('latin1', 0, bytes * 2)
    },
  }
}
