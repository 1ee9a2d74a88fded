import type { Runtime, Timer } from 'dure/runtime'

/** The time that a transaction may take: it runs while its work does. */
export type WorkTimeout = {
  readonly timeout: number
  tries: number
  readonly start: () => void
  readonly cancel: () => void
  readonly resume: () => void
  readonly expired: () => boolean
  /** Over at once, with this error. */
  readonly cut: (error: Error) => void
  /** What `task` gives, or the error of the limit, whichever is first. */
  readonly race: <T>(task: Promise<T>) => Promise<T>
}

export function createWorkTimeout(options: {
  readonly timeout: number
  readonly runtime: Runtime
  readonly error: (tries: number) => Error
}): WorkTimeout {
  const { timeout, error } = options
  const { clock, timers } = options.runtime
  const { promise: expiry, reject } = Promise.withResolvers<never>()
  expiry.catch(() => {})
  let timer: Timer | undefined
  let until: number | undefined
  let expired = false
  const arm = (): void => {
    if (until === undefined || timer !== undefined || until === Number.POSITIVE_INFINITY) return
    timer = timers.after(Math.max(0, until - clock.monotonic()), () => {
      expired = true
      reject(error(limit.tries))
    })
  }
  const limit: WorkTimeout = {
    timeout,
    tries: 0,
    start: () => {
      until ??= clock.monotonic() + timeout
      arm()
    },
    cancel: () => {
      timer?.cancel()
      timer = undefined
    },
    resume: arm,
    expired: () => expired,
    cut: (why) => {
      expired = true
      reject(why)
    },
    race: (task) => Promise.race([task, expiry]),
  }
  return limit
}
