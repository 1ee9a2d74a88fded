/**
 * The random numbers of Rust's `rand` 0.8, as nexmark-rs draws them: xoshiro256++ whose state is filled from a number by PCG32
 * (`SmallRng::seed_from_u64`). Sixty-four bits are two halves of thirty-two, because numbers of JavaScript hold fifty-three
 * and a bigint for each draw is thirty times slower.
 */
const TWO_32 = 4_294_967_296
/** The multiplier and the increment of `rand_core`'s PCG32, in halves. */
const MULTIPLIER = { high: 0x5851f42d, low: 0x4c957f2d } as const
const INCREMENT = { high: 0xa17654e4, low: 0x6fbe17f3 } as const
/** What may be drawn from a range of 26 without favouring some of it: `rand` takes the modulo for types of eight bits. */
const LETTER_ZONE = TWO_32 - 1 - (TWO_32 % 26)

export type Random = {
  /** Below `range`, as `gen_range` draws it for types of 32 bits; `range` is at most 2^21, here and below. */
  readonly below32: (range: number) => number
  /** The same for types of 64 bits, which takes all that a draw has. */
  readonly below64: (range: number) => number
  /** One of `a` to `z`, as its code. */
  readonly letter: () => number
  /** From 0 to less than 1, with 24 bits, as `gen::<f32>` draws it. */
  readonly float32: () => number
  readonly letters: (length: number) => string
}

/** Two numbers of 32 bits, multiplied: the upper half of the product. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  return (aHigh * bHigh + Math.floor(middle / 65_536) + ((middle & 0xffff) + aLow * bHigh) / 65_536) >>> 0
}

/** The numbers that begin with a seed; `seed` is a whole number from 0 to 2^53. */
export function random(seed: number): Random {
  const state = filled(seed)
  let [a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0] = state
  // What was drawn last, as signed halves: returning both would allocate, and so would keeping numbers above 2^31.
  let high = 0
  let low = 0

  function draw(): void {
    const sumLow = (a0 >>> 0) + (d0 >>> 0)
    const sum0 = sumLow | 0
    const sum1 = (a1 + d1 + (sumLow >= TWO_32 ? 1 : 0)) | 0
    const turned0 = (sum0 << 23) | (sum1 >>> 9)
    const turned1 = (sum1 << 23) | (sum0 >>> 9)
    const resultLow = (turned0 >>> 0) + (a0 >>> 0)
    low = resultLow | 0
    high = (turned1 + a1 + (resultLow >= TWO_32 ? 1 : 0)) | 0
    const t0 = b0 << 17
    const t1 = (b1 << 17) | (b0 >>> 15)
    c0 ^= a0
    c1 ^= a1
    d0 ^= b0
    d1 ^= b1
    b0 ^= c0
    b1 ^= c1
    a0 ^= d0
    a1 ^= d1
    c0 ^= t0
    c1 ^= t1
    // Forty-five to the left: the halves change places, and thirteen more.
    const e0 = (d1 << 13) | (d0 >>> 19)
    d1 = (d0 << 13) | (d1 >>> 19)
    d0 = e0
  }

  const below32 = (range: number): number => {
    const zone = zoneOf(range)
    for (;;) {
      draw()
      if (Math.imul(high, range) >>> 0 <= zone) return upper((high >>> 0) * range)
    }
  }
  const letter = (): number => {
    for (;;) {
      draw()
      if (Math.imul(high, 26) >>> 0 <= LETTER_ZONE) return 97 + upper((high >>> 0) * 26)
    }
  }
  return {
    below32,
    below64: (range) => {
      const zone = zoneOf(range)
      for (;;) {
        draw()
        const product = (high >>> 0) * range + upper((low >>> 0) * range)
        if (product % TWO_32 <= zone) return upper(product)
      }
    },
    letter,
    float32: () => {
      draw()
      return (high >>> 8) / 16_777_216
    },
    letters: (length) => {
      const codes: number[] = []
      for (let index = 0; index < length; index += 1) codes.push(letter())
      return String.fromCharCode.apply(undefined, codes)
    },
  }
}

/** Lower halves above it would favour some of the range, and are drawn again. */
const zoneOf = (range: number): number => ((range << Math.clz32(range)) >>> 0) - 1
const upper = (product: number): number => Math.floor(product / TWO_32)

/** The state that a seed makes: eight numbers of 32 bits, each a step of PCG32. */
function filled(seed: number): Int32Array {
  const state = new Int32Array(8)
  let low = seed >>> 0
  let high = Math.floor(seed / TWO_32) >>> 0
  for (let index = 0; index < 8; index += 1) {
    const product =
      highOfProduct(low, MULTIPLIER.low) + (Math.imul(high, MULTIPLIER.low) >>> 0) + (Math.imul(low, MULTIPLIER.high) >>> 0)
    const sum = (Math.imul(low, MULTIPLIER.low) >>> 0) + INCREMENT.low
    low = sum >>> 0
    high = (product + INCREMENT.high + (sum >= TWO_32 ? 1 : 0)) % TWO_32
    // (state >> 18 ^ state) >> 27, its lower half, turned right by the upper five bits.
    const mixedLow = ((low >>> 18) | (high << 14)) ^ low
    const mixedHigh = (high >>> 18) ^ high
    const shifted = (mixedLow >>> 27) | (mixedHigh << 5)
    const turn = high >>> 27
    state[index] = (shifted >>> turn) | (shifted << ((32 - turn) % 32))
  }
  return state
}
