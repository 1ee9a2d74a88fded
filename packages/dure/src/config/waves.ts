/** Changes of settings on their way to all processes of a system: to some first, and to the others when those are well. */
import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Acts } from '../telemetry/internal.ts'
import type { Steered } from './steered.ts'
import { problemText, type ConfigProblem } from './errors.ts'
import type { Fleet, ReleaseOptions, RollbackOptions, WaveOptions } from './fleet.ts'
import { createLeading } from './leading.ts'
import type { Participant } from './participant.ts'
import { currentOf, shown, type ConfigRelease, type ReleaseState } from './release.ts'
import { bring, follow, rollback, seenNow, type Releasing } from './releasing.ts'

export type Waves = {
  /** @throws {CallError} UNAVAILABLE when this process does not lead, FAILED_PRECONDITION when there is nothing to go back to */
  readonly rollback: (options: RollbackOptions) => Promise<ConfigRelease>
  /**
   * Releases what the sources have, though it was rolled back; gives what has begun.
   * @throws {CallError} UNAVAILABLE when this process does not lead, FAILED_PRECONDITION when it does not fit
   */
  readonly release: (options: ReleaseOptions) => Promise<ConfigRelease>
  readonly stop: () => Promise<void>
}

/** Milliseconds until those who did not answer are told again. */
const AGAIN = 1_000

export function createWaves(options: {
  readonly id: string
  readonly steered: Steered
  readonly participant: Participant
  readonly fleet: Fleet
  readonly runtime: Runtime
  readonly log: Logger
  readonly acts: Acts
  readonly waves: WaveOptions
  /** Keeps what is known of releases for a system that is ended whole. */
  readonly keep: (state: ReleaseState) => Promise<void>
}): Waves {
  const { id, steered, participant, fleet, runtime, log, acts, keep } = options
  const { look = 10_000, failures = 0.05 } = options.waves
  const leading = createLeading({ id, participant, fleet, keep })
  const asked: (() => Promise<unknown>)[] = []
  let [stopped, news, moved] = [false, true, true]
  let wake = (): void => {}

  /** Until there is something to do, or for so long. */
  const sleep = async (ms: number | undefined): Promise<void> => {
    if (stopped || news || moved || asked.length > 0) return
    const woken = Promise.withResolvers<void>()
    wake = woken.resolve
    const timer = ms === undefined ? undefined : runtime.timers.after(ms, woken.resolve)
    await woken.promise
    timer?.cancel()
  }
  const pause: Releasing['pause'] = async (ms) => {
    moved = false
    await sleep(ms)
    if (stopped || asked.length > 0) return stopped ? 'stopped' : 'asked'
    if (!news) return 'waited'
    news = false
    return 'news'
  }
  const releasing: Releasing = { steered, leading, fleet, clock: runtime.clock, log, acts, waves: { look, failures }, pause }

  const turn = async (): Promise<void> => {
    const isNew = news
    ;[news, moved] = [false, false]
    if (!leading.isDue()) {
      leading.leave()
      for (const one of asked.splice(0)) await one()
      // What is wrong with them is told by each process.
      if (isNew) await seenNow(releasing)
      return
    }
    if (!leading.isHeard()) await leading.adopt()
    await leading.greet()
    await asked.shift()?.()
    await follow(releasing)
  }
  const run = async (): Promise<void> => {
    while (!stopped) {
      let isOver = true
      try {
        await turn()
      } catch (error) {
        isOver = false
        log.warn('A release of settings cannot go on, and is tried again', { error })
      }
      if (asked.length === 0) await sleep(isOver && (!leading.isDue() || leading.isComplete()) ? undefined : AGAIN)
    }
    for (const one of asked.splice(0)) await one()
  }

  /** Has it done in its turn, where this process leads. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      asked.push(async () => {
        const leads = !stopped && leading.isDue()
        const refused = new CallError('UNAVAILABLE', 'Another process leads releases of settings now; try again')
        await (leads ? work() : Promise.reject(refused)).then(resolve, reject)
      })
      wake()
    })

  steered.steer(() => {
    const isMember = fleet.members().some((member) => member.id === id)
    if (isMember) news = true
    if (isMember) wake()
    return isMember ? 'wait' : 'follow'
  })
  const watching = fleet.watch(() => {
    moved = true
    wake()
  })
  const running = run()
  return {
    rollback: (how) => inTurn(() => rollback(releasing, how)),
    release: (how) =>
      new Promise((resolve, reject) => {
        inTurn(async () => {
          const content = await steered.seen()
          const { problems } = await steered.weigh(content)
          if (problems.length > 0) throw refusal(problems)
          const current = currentOf(participant.state())
          if (content.mark === current.mark) resolve(shown(current))
          else await bring(releasing, content, how, (release) => resolve(shown(release)))
        }).catch(reject)
      }),
    stop: async () => {
      stopped = true
      watching.stop()
      wake()
      await running
    },
  }
}

function refusal(problems: readonly ConfigProblem[]): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Cannot release the settings that the sources have: ${problems.map(problemText).join('; ')}`,
  )
}
