/** Who works on parked keys, of all partitions of a consumer: so many at once. */
export type Hands = {
  /** Begins it when its turn has come. It never rejects. */
  readonly work: (job: () => Promise<void>) => void
  /** While it is not known which of several tries ended the process, one is made at a time. Answers what says that this one was not it. */
  readonly suspect: () => () => void
}

export function createHands(concurrency: number): Hands {
  const queue: (() => Promise<void>)[] = []
  let active = 0
  let suspects = 0
  const pump = (): void => {
    while (queue.length > 0 && active < (suspects > 0 ? 1 : concurrency)) {
      active++
      void queue.shift()!().then(() => {
        active--
        pump()
      })
    }
  }
  return {
    work: (job) => {
      queue.push(job)
      pump()
    },
    suspect: () => {
      suspects++
      return () => {
        suspects--
        pump()
      }
    },
  }
}
