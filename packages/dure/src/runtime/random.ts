import { randomFillSync } from 'node:crypto'

/** Chance as a port. */
export type Random = {
  /** A number in [0, 1). */
  readonly number: () => number
  /** A whole number in [0, below). */
  readonly integer: (below: number) => number
  /** 32 random bits as a number from 0 to 4,294,967,295. */
  readonly word: () => number
  /** Fills the array with random bytes and returns it. */
  readonly fill: (bytes: Uint8Array) => Uint8Array
}

/** Random bits come from the operating system in blocks: one system call serves many ids. */
export function realRandom(): Random {
  const pool = new Uint32Array(1024)
  let used = pool.length
  return {
    number: () => Math.random(),
    integer: (below) => Math.floor(Math.random() * below),
    word: () => {
      if (used === pool.length) {
        randomFillSync(pool)
        used = 0
      }
      return pool[used++]!
    },
    fill: (bytes) => randomFillSync(bytes),
  }
}

/**
 * A small seeded generator (mulberry32): the same seed gives the same sequence for ever.
 *
 * @example
 * ```ts
 * import { seededRandom } from 'dure/runtime'
 *
 * const [one, other] = [seededRandom(7), seededRandom(7)]
 * console.log(one.integer(100) === other.integer(100)) // → true
 * ```
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    number: next,
    integer: (below) => Math.floor(next() * below),
    word: () => Math.floor(next() * 4294967296),
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(next() * 256)
      return bytes
    },
  }
}
