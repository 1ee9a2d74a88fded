/** Timers as a port. */
export type Timers = {
  /** Runs `task` once after `ms` milliseconds unless cancelled first. An idle timer does not keep a process alive. */
  readonly after: (ms: number, task: () => void) => Timer
  /** Resolves after `ms` milliseconds, or at once (without an error) when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  /** Runs `task` when the current turn's I/O is done: the place to flush what a turn has gathered. */
  readonly soon: (task: () => void) => void
}

export type Timer = {
  readonly cancel: () => void
}

export function realTimers(): Timers {
  const after: Timers['after'] = (ms, task) => {
    const handle = setTimeout(task, ms)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  }
  return { after, sleep: sleepWith(after), soon: (task) => void setImmediate(task) }
}

/** `sleep` in terms of `after`: shared by the real world and the virtual one. */
export function sleepWith(after: Timers['after']): Timers['sleep'] {
  return (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = after(ms, wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
}
