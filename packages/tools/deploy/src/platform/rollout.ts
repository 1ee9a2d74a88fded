/** One rollout, step by step: each is written down before it is done and after, and can be done again by whoever comes after a killed deployer. */
import type { Runtime } from 'dure/runtime'
import { countsBetween, type CallCounts, type ReleaseHealth, type Target, type Wanted } from '../target/target.ts'
import { judge, type Limits } from './judge.ts'
import type { Records, Rollout, Step } from './records.ts'

export type RolloutOptions = {
  readonly rollout: Rollout
  readonly wanted: Wanted
  readonly target: Target
  readonly records: Records
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Percent of the calls that the new release gets, one after the other; the last is 100. */
  readonly shares: readonly number[]
  /** Milliseconds that it is watched with each. */
  readonly watch: number
  /** Milliseconds it may take to get ready. */
  readonly readiness: number
  readonly limits: Limits
  readonly onStep: (step: Step) => void
  /** Has it go back. */
  readonly signal?: AbortSignal | undefined
}

/** What speaks against the release; the rollout goes back. */
class Worse extends Error {
  override readonly name = 'Worse'
}

/** Milliseconds between two looks at a release: a tenth of what it is watched, within these. */
const [SHORTEST, LONGEST] = [20, 2_000]

/** Carries a rollout on from where it is. Resolves with why it went back; with nothing when it is done. */
export async function carryOn(options: RolloutOptions): Promise<string | undefined> {
  const { rollout, wanted, target, records, shares } = options
  const { id, release, before } = rollout
  const step = steps(options)
  const done = new Set(records.steps(id).flatMap(({ name, phase }) => (phase === 'done' ? [name] : [])))
  if (rollout.state === 'rolling back') return await goBack(options, 'its deployer was killed while it went back')
  try {
    if (!done.has('start')) await step('start', () => target.apply(wanted))
    // Also after a killed deployer: a copy may have fallen over meanwhile.
    let restarts = 0
    await step('ready', async () => (restarts = restartsOf(await untilReady(options))))
    let baseline: CallCounts | undefined
    for (const share of before === undefined ? [100] : shares) {
      if (done.has(`shift ${share}`) && share !== 100) continue
      await step(`shift ${share}`, async () => {
        await target.shift({ [release.digest]: share, ...(share < 100 && { [before!]: 100 - share }) })
        if (before === undefined) return undefined
        const seen = await watched(options, { restarts, baseline })
        baseline = seen.old ?? baseline
        return seen.text
      })
    }
    await step('end the others', async () => {
      for (const other of await target.list())
        if (other.release.digest !== release.digest && other.copies > 0) await target.scale(other.release.digest, 0)
    })
    records.become(id, 'done')
    return undefined
  } catch (error) {
    // What is no fault of the release, such as a target that is away, is for whoever runs the deployer: asked again, it goes on.
    if (!(error instanceof Worse)) throw error
    return await goBack(options, error.message)
  }
}

/** Has the release before take all calls again. That it is to be is written down first. */
export async function goBack(options: RolloutOptions, why: string): Promise<string> {
  const { rollout, target, records } = options
  const { id, release, before } = rollout
  records.become(id, 'rolling back')
  await steps(options)('roll back', async () => {
    if (before !== undefined) await target.rollBack(before)
    else {
      const there = (await target.list()).find((one) => one.release.digest === release.digest)
      // Nothing had the calls before: one that has them keeps them, for whoever is to look at it.
      if (there !== undefined && there.share === 0) await target.scale(release.digest, 0)
    }
    return why
  })
  records.become(id, 'rolled back')
  return why
}

/** Does one step, with what it says in the end; a failure is written down as well. */
function steps({
  rollout,
  records,
  runtime,
  onStep,
}: RolloutOptions): (name: string, work: () => Promise<unknown>) => Promise<void> {
  const tell = (name: string, phase: Step['phase'], note = ''): void => {
    const step = { rollout: rollout.id, name, phase, note, at: runtime.clock.now() }
    records.write(step)
    onStep(step)
  }
  return async (name, work) => {
    tell(name, 'begun')
    try {
      const note = await work()
      tell(name, 'done', typeof note === 'string' ? note : '')
    } catch (error) {
      tell(name, 'failed', (error as Error).message)
      throw error
    }
  }
}

async function untilReady({ rollout, target, runtime, readiness, signal }: RolloutOptions): Promise<ReleaseHealth> {
  const { clock, timers } = runtime
  const until = clock.monotonic() + readiness
  for (;;) {
    const health = await target.health(rollout.release.digest)
    if (health.copies.length > 0 && health.copies.every(({ state }) => state === 'ready')) return health
    const {
      name = 'none',
      state = 'ended',
      reason = 'it says nothing',
    } = health.copies.find((one) => one.state !== 'ready') ?? {}
    if (state === 'ended') throw new Worse(`copy ${name} has ended: ${reason}`)
    if (clock.monotonic() > until) throw new Worse(`copy ${name} is not ready after ${readiness} ms: ${reason}`)
    if (signal?.aborted) throw new Worse('it was asked to go back')
    await timers.sleep(SHORTEST)
  }
}

/** Watches both releases for a time, and not a moment longer once the new one is worse. */
async function watched(
  { rollout, target, runtime, watch, limits, signal }: RolloutOptions,
  known: { readonly restarts: number; readonly baseline: CallCounts | undefined },
): Promise<{ readonly old: CallCounts | undefined; readonly text: string }> {
  const { clock, timers } = runtime
  const look = () => Promise.all([target.health(rollout.release.digest), target.health(rollout.before!)])
  const [first, other] = await look()
  const until = clock.monotonic() + watch
  const since = (before: CallCounts | undefined, now: CallCounts | undefined) => now && countsBetween(before, now)
  for (;;) {
    const last = clock.monotonic() >= until
    const [fresh, old] = await look()
    const beside = since(other.calls, old.calls)
    const few = beside === undefined || beside.calls < (known.baseline?.calls ?? 0)
    const { worse, enough, text } = judge(
      {
        fresh: since(first.calls, fresh.calls),
        old: few ? known.baseline : beside,
        copies: fresh.copies,
        restarts: known.restarts,
      },
      limits,
    )
    if (worse.length > 0) throw new Worse(worse.join('; '))
    if (signal?.aborted) throw new Worse('it was asked to go back')
    if (last) return { old: few ? known.baseline : beside, text: enough ? text : `${text}: too few to say much` }
    await timers.sleep(Math.min(LONGEST, Math.max(SHORTEST, watch / 10)))
  }
}

const restartsOf = ({ copies }: ReleaseHealth): number => copies.reduce((sum, { restarts }) => sum + restarts, 0)
