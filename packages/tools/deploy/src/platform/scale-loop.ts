import type { Runtime } from 'dure/runtime'
import { autoscale, type AutoscaleLimits, type AutoscaleState, type Sample } from './autoscale.ts'

export type AutoscaleOptions = AutoscaleLimits & {
  /** What is seen now, of all copies together. */
  readonly sample: () => Promise<Pick<Sample, 'inHand' | 'lag'>>
  /** Milliseconds between two looks. Default 15,000. */
  readonly every?: number
  /** Told of each change, and of what went wrong: it tries again at the next look. */
  readonly onChange?: (told: { readonly from: number; readonly to: number } | { readonly error: unknown }) => void
}

export type Autoscaling = {
  /** Resolves when a change that is under way is over. */
  readonly stop: () => Promise<void>
}

/** Looks, and changes the number of copies, until it is stopped. */
export function scaleLoop(
  options: AutoscaleOptions,
  world: {
    readonly runtime: Pick<Runtime, 'clock' | 'timers'>
    /** Undefined while nothing may be changed. */
    readonly copies: () => Promise<number | undefined>
    readonly scale: (copies: number, why: string) => Promise<void>
  },
): Autoscaling {
  const { sample, every = 15_000, onChange } = options
  const { clock, timers } = world.runtime
  const ended = new AbortController()
  let state: AutoscaleState | undefined
  const look = async (): Promise<void> => {
    const copies = await world.copies()
    if (copies === undefined || copies === 0) return
    const seen = await sample()
    const next = autoscale({ ...seen, at: clock.monotonic(), copies }, options, state)
    state = next.state
    if (next.copies === copies || ended.signal.aborted) return
    await world.scale(next.copies, `${seen.inHand} calls in hand, lag ${seen.lag ?? 0}`)
    onChange?.({ from: copies, to: next.copies })
  }
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await look().catch((error: unknown) => onChange?.({ error }))
      await timers.sleep(every, ended.signal)
    }
  }
  const running = run()
  return {
    stop: () => {
      ended.abort()
      return running
    },
  }
}
