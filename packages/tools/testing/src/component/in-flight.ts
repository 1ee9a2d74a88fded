/** What is under way, and can be ended from outside. */
export type InFlight = {
  /** @param what undefined: nobody waits for it to come to its end, as for the next value of a stream */
  readonly track: <T>(what: string | undefined, work: () => Promise<T>) => Promise<T>
  /** What has a name. */
  readonly list: () => readonly string[]
  /** All of it rejects now, whatever becomes of the work. */
  readonly fail: (error: Error) => void
}

export function createInFlight(): InFlight {
  const all = new Map<(error: Error) => void, string | undefined>()
  return {
    track: (what, work) =>
      new Promise((resolve, reject) => {
        all.set(reject, what)
        work()
          .finally(() => all.delete(reject))
          .then(resolve, reject)
      }),
    list: () => [...all.values()].filter((what) => what !== undefined),
    fail: (error) => {
      for (const reject of all.keys()) reject(error)
      all.clear()
    },
  }
}
