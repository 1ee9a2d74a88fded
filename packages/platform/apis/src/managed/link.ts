/** A gateway and the service that manages APIs: 100 ms after a call at the latest they say what has changed at either. */
import type { Runtime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import type { GatewayReport, SettledAnswer } from '../values.ts'

export type Settle = (report: GatewayReport) => Promise<SettledAnswer>

export type Link = {
  /** The next settling, or the one after it, where that has begun. False: it has failed. */
  readonly next: () => Promise<boolean>
  /** Whether anything was heard yet. */
  readonly informed: () => boolean
  /** Whether the last settling has failed. */
  readonly down: () => boolean
  /** Settles what there is for the last time. */
  readonly stop: () => Promise<void>
}

const BUSY = 100
/** A key that is revoked is known to be after so long, and what a call takes. */
const CALM = 500
const LONGEST = 3_000

export function createLink(given: {
  readonly settle: Settle
  readonly runtime: Runtime
  readonly log: Logger
  /** What there is to say, which is then gone from where it was. */
  readonly gather: () => Pick<GatewayReport, 'used' | 'keys' | 'counts'>
  /** Whether there is something of it. */
  readonly waiting: () => boolean
  readonly learn: (answer: SettledAnswer, sent: number) => void
}): Link {
  const { runtime, log, gather, learn } = given
  const { timers, clock, ids } = runtime
  const gateway = ids.next()
  /** What was said and not answered: it is said again as it was, so that it counts once. */
  let unheard: GatewayReport | undefined
  let [batch, after] = [0, 0]
  /** Settlings in a row in which there was nothing to say. */
  let calm = 0
  let [informed, down, stopped] = [false, false, false]
  let running: Promise<boolean> | undefined
  let following: Promise<boolean> | undefined

  const settle = async (): Promise<boolean> => {
    unheard ??= { gateway, batch: ++batch, after, ...gather() }
    calm = unheard.used.length + unheard.counts.length > 0 ? 0 : calm + 1
    const sent = clock.monotonic()
    try {
      const answer = await inTime(timers, LONGEST, given.settle(unheard), () => {
        throw new Error(`There was no answer within ${LONGEST} ms`)
      })
      unheard = undefined
      after = answer.through
      learn(answer, sent)
      if (down) log.info('The service that manages APIs answers again', {})
      ;[informed, down] = [informed || !answer.more, false]
      return true
    } catch (error) {
      if (!down) log.warn('Cannot reach the service that manages APIs: calls pass by what is known', { error })
      down = true
      return false
    }
  }
  const run = (): Promise<boolean> =>
    (running ??= settle().finally(() => {
      running = undefined
    }))
  const loop = async (): Promise<void> => {
    while (!stopped) {
      await run()
      const settled = clock.monotonic()
      const isCalm = (): boolean => informed && !down && calm > 0 && !given.waiting() && clock.monotonic() - settled < CALM
      do await timers.sleep(BUSY, over.signal)
      while (!stopped && isCalm())
    }
  }
  const over = new AbortController()
  const looping = loop()
  return {
    next: () => {
      if (running === undefined) return run()
      // What is asked for now was not said yet.
      return (following ??= running.then(() => {
        following = undefined
        return run()
      }))
    },
    informed: () => informed,
    down: () => down,
    stop: async () => {
      stopped = true
      over.abort()
      await looping
      await run()
    },
  }
}
