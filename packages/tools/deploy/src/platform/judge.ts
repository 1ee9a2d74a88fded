/** Whether a new release does as well as the old one: a function of what both were seen to do. */
import { latencyOf, type CallCounts, type CopyHealth } from '../target/target.ts'

export type Limits = {
  /** Part of the calls that may fail beyond what fails of the old release. Default 0.01. */
  readonly errors: number
  /** How many times the old release's p99 the new one's may be, and milliseconds beyond that. Default 2 and 50. */
  readonly slower: number
  readonly slack: number
  /** Calls from which on latencies are compared; failures count from 3 on. Default 50. */
  readonly calls: number
}

export const LIMITS: Limits = { errors: 0.01, slower: 2, slack: 50, calls: 50 }

export type Seen = {
  /** Calls of the new release since it has this share, and of the old one, now or when it last had some; undefined when there are none. */
  readonly fresh: CallCounts | undefined
  readonly old: CallCounts | undefined
  readonly copies: readonly CopyHealth[]
  /** Restarts of all copies together when the release was found ready. */
  readonly restarts: number
}

/** Why the new release is worse; nothing when it is not, as far as has been seen. `enough`: whether that says much. */
export type Judgement = { readonly worse: readonly string[]; readonly enough: boolean; readonly text: string }

const FEW = 3

/**
 * Judges a release by its copies, its failures and its p99, beside the old one.
 *
 * @example
 * ```ts
 * import { judge } from '@dure/deploy'
 *
 * const counts = (failed: number) => ({ calls: 100, failed, within: [100] })
 * const copies = [{ name: 'a-1', state: 'ready', restarts: 0 }] as const
 * console.log(judge({ fresh: counts(9), old: counts(0), copies, restarts: 0 }).worse[0]) // → 9.0 % of its calls fail, and 0.0 % of the old release's
 * ```
 */
export function judge({ fresh, old, copies, restarts }: Seen, limits: Limits = LIMITS): Judgement {
  const worse: string[] = []
  for (const { name, state, reason = 'it says nothing' } of copies)
    if (state === 'ended' || state === 'unready') worse.push(`copy ${name} is ${state}: ${reason}`)
  const again = copies.reduce((sum, one) => sum + one.restarts, 0) - restarts
  if (again > 0)
    worse.push(
      `its copies fell over ${again === 1 ? 'once' : `${again} times`}: ${copies.find(({ reason }) => reason !== undefined)?.reason ?? ''}`,
    )
  const rate = (counts: CallCounts | undefined): number =>
    counts === undefined || counts.calls === 0 ? 0 : counts.failed / counts.calls
  const part = (counts: CallCounts | undefined): string => `${(rate(counts) * 100).toFixed(1)} %`
  if (fresh !== undefined && fresh.failed >= FEW && rate(fresh) > rate(old) + limits.errors)
    worse.push(`${part(fresh)} of its calls fail, and ${part(old)} of the old release's`)
  const [mine, before] = [fresh && latencyOf(fresh, 0.99), old && latencyOf(old, 0.99)]
  const enough = (fresh?.calls ?? 0) >= limits.calls
  if (enough && old !== undefined && old.calls >= limits.calls && mine! > before! * limits.slower + limits.slack)
    worse.push(`its p99 is ${mine} ms, and the old release's ${before} ms`)
  const text = `${fresh?.calls ?? 0} calls, ${part(fresh)} failed, p99 ${mine === undefined ? 'unknown' : `${mine} ms`}`
  return { worse, enough, text }
}
