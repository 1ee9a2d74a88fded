/** A bounded number of things at once, first come first served. */
export type Semaphore = {
  /** Waits until `count` may begin (all of them at once, or the whole bound if `count` is larger). */
  readonly take: (count: number) => Promise<number>
  readonly give: (count: number) => void
}

export function createSemaphore(limit: number): Semaphore {
  let free = limit
  const queue: { count: number; resolve: (count: number) => void }[] = []
  const serve = (): void => {
    while (queue.length > 0 && queue[0]!.count <= free) {
      const { count, resolve } = queue.shift()!
      free -= count
      resolve(count)
    }
  }
  return {
    take: (count) =>
      new Promise((resolve) => {
        queue.push({ count: Math.min(count, limit), resolve })
        serve()
      }),
    give: (count) => {
      free += count
      serve()
    },
  }
}
