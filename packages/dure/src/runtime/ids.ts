import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** Identity as a port. */
export type Ids = {
  /** A new UUIDv7 (RFC 9562): 48 bits of milliseconds, then a counter, then chance; sorts by time of making. */
  readonly next: () => string
  /** `bytes` random bytes in lower-case hexadecimal: trace and span ids. */
  readonly hex: (bytes: number) => string
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/**
 * UUIDv7 with the 12 bits after the version used as a counter (RFC 9562 §6.2, method 1), so that ids
 * made within one millisecond, and ids made after the wall clock stepped back, still sort in order.
 */
export function createIds(options: { clock: Clock; random: Random }): Ids {
  const { clock, random } = options
  const chance = new Uint8Array(8)
  let last = 0
  let counter = 0
  return {
    next: () => {
      const now = Math.floor(clock.now())
      if (now > last) {
        last = now
        counter = random.integer(0x400)
      } else if (++counter > 0xfff) {
        // The counter ran out inside one millisecond: borrow the next one rather than repeat.
        last += 1
        counter = 0
      }
      random.fill(chance)
      const time = last.toString(16).padStart(12, '0')
      const head = `${time.slice(0, 8)}-${time.slice(8, 12)}-7${counter.toString(16).padStart(3, '0')}`
      const variant = HEX[(chance[0]! & 0x3f) | 0x80]!
      const tail = HEX[chance[2]!]! + HEX[chance[3]!]! + HEX[chance[4]!]! + HEX[chance[5]!]! + HEX[chance[6]!]! + HEX[chance[7]!]!
      return `${head}-${variant}${HEX[chance[1]!]!}-${tail}`
    },
    hex: (length) => {
      const bytes = random.fill(new Uint8Array(length))
      let text = ''
      for (let i = 0; i < length; i++) text += HEX[bytes[i]!]!
      return text
    },
  }
}
