import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** Identity as a port. */
export type Ids = {
  /** A new UUIDv7 (RFC 9562): 48 bits of milliseconds, then a counter, then chance; sorts by time of making. */
  readonly next: () => string
  /** `bytes` random bytes in lower-case hexadecimal: trace and span ids. */
  readonly hex: (bytes: number) => string
}

/** Four hexadecimal digits for every 16 bits. */
const HEX: readonly string[] = Array.from({ length: 0x10000 }, (_, i) => i.toString(16).padStart(4, '0'))

/**
 * UUIDv7 with the 12 bits after the version used as a counter (RFC 9562 §6.2, method 1), so that ids
 * made within one millisecond, and ids made after the wall clock stepped back, still sort in order.
 */
export function createIds(options: { clock: Clock; random: Random }): Ids {
  const { clock, random } = options
  let last = 0
  let counter = 0
  let prefix = ''

  const moveTo = (time: number): void => {
    last = time
    const hex = time.toString(16).padStart(12, '0')
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-`
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
      const variant = 0x8000 | ((high >>> 16) & 0x3fff)
      return `${prefix}${HEX[0x7000 | counter]!}-${HEX[variant]!}-${HEX[high & 0xffff]!}${HEX[low >>> 16]!}${HEX[low & 0xffff]!}`
    },
    hex: (bytes) => {
      let text = ''
      for (let i = 0; i < bytes; i += 4) {
        const word = random.word()
        text += HEX[word >>> 16]! + HEX[word & 0xffff]!
      }
      return text.slice(0, bytes * 2)
    },
  }
}
