/** What is under way, and can be ended from outside. */
export type InFlight = {
  readonly track: <T>(what: string, work: () => Promise<T>) => Promise<T>
  readonly list: () => readonly string[]
  /** All of it rejects now, whatever becomes of the work. */
  readonly fail: (error: Error) => void
}

export function createInFlight(): InFlight {
  const all = new Map<(error: Error) => void, string>()
  return {
    track: (what, work) =>
      new Promise((resolve, reject) => {
        all.set(reject, what)
        work()
          .finally(() => all.delete(reject))
          .then(resolve, reject)
      }),
    list: () => [...all.values()],
    fail: (error) => {
      for (const reject of all.keys()) reject(error)
      all.clear()
    },
  }
}
