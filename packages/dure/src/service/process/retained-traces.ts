import type { Instance } from '../../discovery/discovery.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Recorder } from '../../telemetry/internal.ts'

/** Another process, as far as traces go. */
export type TracingProcess = {
  readonly id: Instance['id']
  /** Has it make spans of what it has recorded of these traces. */
  readonly keep: (ids: readonly string[]) => Promise<void>
  /** Traces that it has decided to keep, from a number on. */
  readonly retained: (since: number) => Promise<{ readonly ids: readonly string[]; readonly next: number }>
}

/** Milliseconds between two looks at what others keep. */
const PULL = 2_000
/** Looks without anything recorded in between, after which none is worth it. */
const IDLE = 15

/**
 * Has the processes of a system keep the same traces, as well as they can: what fails in one is told to the others. Who takes
 * no calls (doors alone) cannot be told, and asks, as long as there is something of its own that it might keep.
 */
export function shareRetainedTraces(options: {
  readonly recorder: Recorder
  readonly runtime: Pick<Runtime, 'timers'>
  readonly others: () => readonly TracingProcess[]
  readonly takesCalls: boolean
}): { readonly stop: () => void } {
  const { recorder, runtime, others, takesCalls } = options
  const untell = recorder.onRetained((ids) => {
    // One that does not hear of it is older, or on its way out.
    for (const other of others()) other.keep(ids).catch(() => {})
  })
  if (takesCalls) return { stop: untell }

  let seen = new Map<string, number>()
  let [recorded, idle] = [0, 0]
  let timer: Timer | undefined
  let stopped = false
  const pull = async (): Promise<void> => {
    idle = recorder.recorded() === recorded ? idle + 1 : 0
    recorded = recorder.recorded()
    if (recorded === 0 || idle > IDLE) return
    const now = others()
    const answers = await Promise.all(
      now.map(async ({ id, retained }) => {
        const since = seen.get(id) ?? 0
        const { ids, next } = await retained(since).catch(() => ({ ids: [], next: since }))
        return { id, ids, next }
      }),
    )
    // Those that have gone are forgotten.
    seen = new Map(answers.map(({ id, next }) => [id, next]))
    recorder.keepToo(answers.flatMap(({ ids }) => ids))
  }
  const later = (): void => {
    if (stopped) return
    timer = runtime.timers.after(PULL, () => void pull().finally(later))
  }
  later()
  return {
    stop: () => {
      stopped = true
      timer?.cancel()
      untell()
    },
  }
}
