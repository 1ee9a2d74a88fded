/** Callers without end: what failed, and the longest that one of them went without an answer. */
export type Callers = {
  /** Resolves when each of these processes has answered so many more calls. */
  readonly answered: (pids: readonly number[], times?: number) => Promise<void>
  /** Forgets what was seen so far: what comes next is what counts. */
  readonly begin: () => void
  /** Ends them. */
  readonly end: () => Promise<Seen>
}

export type Seen = {
  /** Milliseconds between two answers to one caller, at most. */
  readonly pause: number
  /** Milliseconds that one call took, at most, failed ones too. */
  readonly call: number
  readonly calls: number
  /** How often which code. */
  readonly failed: Readonly<Record<string, number>>
}

/**
 * @param call resolves to the process that has answered
 * @param rest milliseconds that a caller waits after each call
 */
export function callers(count: number, call: () => Promise<number>, rest = 0): Callers {
  const answers = new Map<number, number>()
  let failed: Record<string, number> = {}
  let calls = 0
  let [pause, longest] = [0, 0]
  let from = performance.now()
  let over = false
  const lane = async (): Promise<void> => {
    let last = performance.now()
    while (!over) {
      const begun = performance.now()
      try {
        const pid = await call()
        answers.set(pid, (answers.get(pid) ?? 0) + 1)
        calls++
        pause = Math.max(pause, performance.now() - Math.max(last, from))
        last = performance.now()
      } catch (error) {
        const { code = 'UNKNOWN' } = error as { readonly code?: string }
        failed[code] = (failed[code] ?? 0) + 1
      }
      longest = Math.max(longest, performance.now() - Math.max(begun, from))
      if (rest > 0) await tick(rest)
    }
    // Who has had no answer until the end has waited until then.
    pause = Math.max(pause, performance.now() - Math.max(last, from))
  }
  const lanes = Array.from({ length: count }, lane)
  return {
    answered: async (pids, times = 50) => {
      const before = new Map(answers)
      while (!pids.every((pid) => (answers.get(pid) ?? 0) >= (before.get(pid) ?? 0) + times)) await tick(5)
    },
    begin: () => {
      failed = {}
      calls = 0
      pause = longest = 0
      from = performance.now()
    },
    end: async () => {
      over = true
      await Promise.all(lanes)
      return { pause, call: longest, calls, failed }
    },
  }
}

const tick = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
