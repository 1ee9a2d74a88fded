import { CallError } from '../contract/contract.ts'
import { outward } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { inTime } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'

/** What a service needs from outside itself, and how that is. */
export type DependencyHealth = {
  /** `postgresql`, `kafka`, the name of a service. */
  readonly name: string
  readonly kind: 'store' | 'broker' | 'service'
  readonly state: 'up' | 'down'
  /** Milliseconds since the epoch when it was first seen so; whoever asks seldom sees it late. */
  readonly since: number
  /** Milliseconds that it took to answer; undefined when it has not. */
  readonly latency: number | undefined
  /** Why it is down, in words. */
  readonly reason: string | undefined
}

/** Milliseconds that one has to answer a health check. */
export const PROBE_TIMEOUT = 1_000
/** Questions that are open at once: what never answers must not gather them. After a while without an answer another is asked. */
const [MOST_OPEN, ASKED_AGAIN] = [3, 5_000]

/** Looks whether something answers. However many ask at once, it is asked once. */
export type Probe = () => Promise<DependencyHealth>

export function createProbe(options: {
  readonly name: string
  readonly kind: DependencyHealth['kind']
  /** Rejects when it is down. */
  readonly ask: () => Promise<unknown>
  readonly runtime: Runtime
  readonly log: Logger
}): Probe {
  const { name, kind, ask, runtime, log } = options
  const { clock, timers } = runtime
  const since = createSince(runtime)
  let open = 0
  let asked: { readonly at: number; readonly answer: Promise<number> } | undefined

  const begin = (): Promise<number> => {
    const at = clock.monotonic()
    open++
    const answer = (async () => ask())()
      .then(() => clock.monotonic() - at)
      .finally(() => {
        open--
        if (asked?.answer === answer) asked = undefined
      })
    asked = { at, answer }
    return answer
  }
  const late = (): never => {
    throw new CallError('UNAVAILABLE', `It has not within ${PROBE_TIMEOUT} ms`)
  }
  return async () => {
    const isOld = asked !== undefined && clock.monotonic() - asked.at > ASKED_AGAIN && open < MOST_OPEN
    const answer = asked === undefined || isOld ? begin() : asked.answer
    try {
      const latency = await inTime(timers, PROBE_TIMEOUT, answer, late)
      return { name, kind, state: 'up', since: since(name, 'up'), latency, reason: undefined }
    } catch (error) {
      log.warn(kind === 'store' ? 'The database of a service does not answer' : 'The broker of a service does not answer', {
        error,
      })
      const reason = error instanceof CallError ? outward(error).message : 'its log says why'
      return { name, kind, state: 'down', since: since(name, 'down'), latency: undefined, reason }
    }
  }
}

/** Since when things are as they are: milliseconds since the epoch. */
export function createSince({ clock }: Pick<Runtime, 'clock'>): (what: string, state: string) => number {
  const known = new Map<string, { readonly state: string; readonly since: number }>()
  return (what, state) => {
    const before = known.get(what)
    if (before?.state === state) return before.since
    const since = clock.now()
    known.set(what, { state, since })
    return since
  }
}
