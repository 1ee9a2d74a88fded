import { CallError } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import type { Clock } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Acts } from '../telemetry/internal.ts'
import type { Steered } from './steered.ts'
import { ConfigError } from './errors.ts'
import { UNHEARD, type Leading } from './leading.ts'
import { firstsOf, lookAt, unwell, type View } from './look.ts'
import {
  currentOf,
  ended,
  rollbackTarget,
  rolledBack,
  shown,
  triedOf,
  type ConfigContent,
  type ConfigRelease,
  type StoredRelease,
} from './release.ts'
import type { Fleet, Member, ReleaseOptions, RollbackOptions, WaveOptions } from './fleet.ts'

export type Releasing = {
  readonly steered: Steered
  readonly leading: Leading
  readonly fleet: Fleet
  readonly clock: Clock
  readonly log: Logger
  readonly acts: Acts
  readonly waves: Required<WaveOptions>
  /** Waits, unless there is something else to do; says what. */
  readonly pause: (ms: number) => Promise<'waited' | 'news' | 'asked' | 'stopped'>
}

/** Keys of a release that are told. */
const TOLD = 50
/** Milliseconds between two looks at those who have a change first. */
const LOOK = { least: 20, most: 1_000 }

/** What the sources have, where it can be read and fits; else that is said. */
export async function seenNow({ steered }: Pick<Releasing, 'steered'>): Promise<ConfigContent | undefined> {
  try {
    const seen = await steered.seen()
    const { problems } = await steered.weigh(seen)
    steered.refuse(problems)
    return problems.length > 0 ? undefined : seen
  } catch (error) {
    steered.refuse(error instanceof ConfigError ? error.problems : [{ why: describeThrown(error).message }])
    return undefined
  }
}

/** Releases what the sources have, if that is new. */
export async function follow(releasing: Releasing): Promise<void> {
  const { leading } = releasing
  const content = await seenNow(releasing)
  if (content === undefined) return
  const state = leading.state()
  if (content.mark === currentOf(state).mark) {
    const tried = triedOf(state)
    // The sources went back while it was tried.
    if (tried !== undefined) await leading.say(ended(state.releases, tried.number, { outcome: 'superseded' }))
    return
  }
  if (rolledBack(state, content.mark) === undefined) await bring(releasing, content, {})
  const bad = rolledBack(leading.state(), content.mark)
  if (bad !== undefined) releasing.steered.refuse([{ why: rolledBackText(bad) }])
}

function rolledBackText({ number, why = [] }: StoredRelease): string {
  return `release ${number} was rolled back${why.length === 0 ? '' : `: ${why.join('; ')}`}`
}

/** @param begun told when some have it */
export async function bring(
  releasing: Releasing,
  content: ConfigContent,
  { by, now = false }: ReleaseOptions,
  begun: (release: StoredRelease) => void = () => {},
): Promise<void> {
  const { steered, leading, fleet, clock, acts } = releasing
  const { keys, services } = await steered.weigh(content)
  const { releases } = leading.state()
  const last = releases.at(-1)!
  const tried: StoredRelease = {
    ...{ number: last.number + 1, since: clock.now(), of: 'change', outcome: 'trying', by },
    ...{ keys: keys.slice(0, TOLD), content, mark: content.mark },
  }
  const concerned = (): readonly Member[] => fleet.members().filter((one) => one.services.some((name) => services.includes(name)))
  const firsts = now ? [] : firstsOf(concerned(), services)
  acts.note({ ...actOf(tried), outcome: 'begun' })
  const before = await lookAt(firsts.length === 0 ? [] : concerned())
  const known = last.outcome === 'trying' ? ended(releases, last.number, { outcome: 'superseded' }) : releases
  const said = await leading.say([...known, tried], { of: tried, by: firsts })
  begun(tried)
  if (!leading.isHeard()) return
  const refused = firsts.flatMap(({ id, name }) => (said.get(id) ?? ['It has left']).map((why) => `${name}: ${why}`))
  const why = refused.length > 0 ? refused : await watched(releasing, { content, firsts, before, concerned })
  if (why === 'superseded') await follow(releasing)
  else if (why !== 'left') await finish(releasing, tried, { why })
}

/** Why it is to be taken back; nothing when all is well; `left`: this process has something else to do first. */
async function watched(
  releasing: Releasing,
  tried: {
    readonly content: ConfigContent
    readonly firsts: readonly Member[]
    readonly before: View
    readonly concerned: () => readonly Member[]
  },
): Promise<readonly string[] | 'superseded' | 'left'> {
  const { clock, waves, pause } = releasing
  const { content, firsts, before, concerned } = tried
  if (firsts.length === 0) return []
  const end = clock.monotonic() + waves.look
  const interval = Math.min(LOOK.most, Math.max(LOOK.least, waves.look / 10))
  for (;;) {
    const why = unwell({ before, now: await lookAt(concerned()), firsts, failures: waves.failures })
    if (why.length > 0) return why
    const left = end - clock.monotonic()
    if (left <= 0) return []
    const how = await pause(Math.min(interval, left))
    if (how === 'asked' || how === 'stopped') return 'left'
    if (how === 'news') {
      const seen = await seenNow(releasing)
      if (seen !== undefined && seen.mark !== content.mark) return 'superseded'
    }
  }
}

const actOf = ({ number, by, keys }: StoredRelease) => ({
  ...{ action: 'settings.release', actor: by ?? 'dure', subject: String(number), about: { keys } },
})

/** All get it, or those who have it go back. */
export async function finish(
  releasing: Pick<Releasing, 'leading' | 'log' | 'acts'>,
  tried: StoredRelease,
  { why, by }: { readonly why: readonly string[]; readonly by?: string | undefined },
): Promise<void> {
  const { leading, log, acts } = releasing
  const { number, keys } = tried
  const isBad = why.length > 0
  if (isBad) log.error('A release of settings was rolled back', { number, keys, reasons: why })
  else log.info('A release of settings has come to all processes', { number, keys })
  acts.note({ ...actOf(tried), outcome: isBad ? 'refused' : 'done', ...(by !== undefined && { actor: by }) })
  const outcome = isBad ? 'rolled back' : 'released'
  const said = await leading.say(ended(leading.state().releases, number, { outcome, ...(isBad && { why }) }))
  if (isBad || !leading.isHeard()) return
  // Who does not answer is told later; who cannot have it, because of what is its own, keeps all others from having it.
  const against = [...said.values()].flat().filter((one) => !one.startsWith(UNHEARD))
  if (against.length > 0) await finish(releasing, tried, { why: against })
}

/** @throws {CallError} FAILED_PRECONDITION when there is nothing to go back to */
export async function rollback(releasing: Releasing, { to, by, reason }: RollbackOptions): Promise<ConfigRelease> {
  const { steered, leading, clock, acts } = releasing
  const state = leading.state()
  const [target, current, tried] = [rollbackTarget(state, to), currentOf(state), triedOf(state)]
  if (target === undefined)
    throw new CallError(
      'FAILED_PRECONDITION',
      to === undefined
        ? 'Cannot roll back the settings: no release with others is known'
        : `Cannot roll back to release ${to}: it is not among those that are kept; see "dure config history"`,
    )
  if (tried !== undefined && target === current) {
    await finish(releasing, tried, { why: [`${by ?? 'Somebody'} asked for it`], by })
    return shown(leading.state().releases.find(({ number }) => number === tried.number)!)
  }
  const number = state.releases.at(-1)!.number + 1
  const act = { action: 'settings.rollback', actor: by ?? 'unknown', subject: String(number), about: { to: target.number } }
  const { keys } = await steered.weigh(target.content!)
  const release: StoredRelease = {
    ...{ number, since: clock.now(), of: 'rollback', outcome: 'released', by, to: target.number },
    ...{ keys: keys.slice(0, TOLD), content: target.content, mark: target.mark },
  }
  // What was left is not taken again because the sources have it still.
  const known = state.releases.map((one): StoredRelease =>
    one.mark === current.mark || one === tried ? { ...one, outcome: 'rolled back' } : one,
  )
  const personal = reason === undefined ? undefined : { reason }
  await acts.along({ ...act, personal }, () => leading.say([...known, release]))
  return shown(release)
}
