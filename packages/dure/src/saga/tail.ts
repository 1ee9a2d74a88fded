import type { Runtime } from '../runtime/runtime.ts'
import type { Entry } from './history.ts'
import type { Progress } from './records.ts'

/** What the code was told of a step does not hold: its transaction was not committed. The code is run anew from what is kept. */
export class Again extends Error {}

type End = NonNullable<Progress['end']>

/**
 * The step on rows that was done last, while its transaction is open: the code is told what it came to and goes on for a moment, and
 * where it ends at once its end commits with the step. Nothing else is begun before the commit.
 */
export type Tail = {
  /**
   * Does a step. Resolves as soon as it is known what it comes to.
   * @param work tells that by `told`, as often as the transaction is begun again, and is answered with the end, if there is one
   */
  readonly step: (
    work: (told: (entry: Entry) => Promise<End | undefined>) => Promise<Entry | undefined>,
  ) => Promise<Entry | undefined>
  /**
   * The code goes on, or ends. Resolves when the step is committed. `ended`: it took the end with it; `rests`: it was not committed after
   * all, and the instance is let go of until its next try. @throws what else became of it
   */
  readonly join: (end?: End) => Promise<'ended' | 'rests' | undefined>
}

export function createTail({ timers }: Pick<Runtime, 'timers'>): Tail {
  let open: { readonly settled: Promise<Entry | undefined>; readonly end: (end: End | undefined) => void } | undefined
  let taken = false

  const step: Tail['step'] = async (work) => {
    const first = Promise.withResolvers<Entry>()
    const next = Promise.withResolvers<End | undefined>()
    let known: Entry | undefined
    const settled = work(async (entry) => {
      if (known !== undefined && known.result !== entry.result) throw new Again()
      known = entry
      first.resolve(entry)
      // Whoever waits for anything but its steps is not waited for.
      const end = await Promise.race([next.promise, new Promise<undefined>((resolve) => timers.soon(() => resolve(undefined)))])
      taken = end !== undefined
      return end
    }).then((entry) => {
      if (known !== undefined && entry !== undefined && known.result !== entry.result) throw new Again()
      return entry
    })
    open = { settled, end: next.resolve }
    settled.catch(() => {})
    return Promise.race([first.promise, settled])
  }
  return {
    step,
    join: async (end) => {
      if (open === undefined) return undefined
      const { settled, end: close } = open
      open = undefined
      taken = false
      close(end)
      if ((await settled) === undefined) return 'rests'
      return taken ? 'ended' : undefined
    },
  }
}
