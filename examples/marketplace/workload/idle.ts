/** Customers without a session, first come first served: each is in one session at a time. */
export type Idle<T> = {
  /** The one that has been idle longest; waits for one when all are busy. */
  readonly take: () => Promise<T>
  readonly giveBack: (one: T) => void
}

export function idleQueue<T>(all: readonly T[]): Idle<T> {
  // A ring: nobody can be in it twice, so it never holds more than everybody.
  const ring = [...all]
  let head = 0
  let count = all.length
  const waiting: ((one: T) => void)[] = []
  return {
    take: () => {
      if (count === 0) return new Promise((resolve) => void waiting.push(resolve))
      const one = ring[head]!
      head = (head + 1) % ring.length
      count--
      return Promise.resolve(one)
    },
    giveBack: (one) => {
      const next = waiting.shift()
      if (next) next(one)
      else {
        ring[(head + count) % ring.length] = one
        count++
      }
    },
  }
}
