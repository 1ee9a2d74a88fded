/** A subscription as a gateway knows it: what it may do, and what it has used since that was settled. */
import type { Consumer } from '@dure/gateway'
import { createRateLimit, type OwnRateLimit, type Taken } from 'dure/resilience'
import type { Clock } from 'dure/runtime'
import { FORGOTTEN } from '../settle.ts'
import type { Plan, SettledQuota, Used } from '../values.ts'

/** Whether a call may pass; `ask`: that is known when it is settled next. */
export type Admission = 'pass' | 'exhausted' | 'ask'

export type Subscriber = {
  readonly id: string
  readonly product: string
  readonly consumer: Consumer
  readonly plan: Plan
  /** `RateLimit-Policy` of the plan; undefined where it has no limits. */
  readonly policy: string | undefined
  /** Of the rate: it is shared by what others have used, which is known when it is settled. */
  readonly hasten: () => Taken
  /** Of the quota: counts a call that may pass. */
  readonly take: () => Admission
  /** Counts a call that passes though nobody can say whether there is something left. */
  readonly passUnsettled: () => void
  /** `RateLimit` of the quota, as far as it is known. */
  readonly limit: () => string | undefined
  /** Seconds until the quota begins anew. */
  readonly anewIn: () => number
  /** What is to be settled; undefined when there is nothing. Until it is, only what it keeps is granted. */
  readonly report: () => Used | undefined
  /** @param sent when it was asked, of the monotonic clock */
  readonly settled: (quota: SettledQuota, sent: number) => void
}

const IDLE = 20

export function createSubscriber(
  about: { readonly id: string; readonly application: string; readonly product: string },
  plan: Plan,
  clock: Clock,
): Subscriber {
  const { rate, quota } = plan
  const limit: OwnRateLimit | undefined =
    rate && createRateLimit({ rate: rate.calls, per: rate.per, burst: rate.burst, clock, keys: 1 })
  let period: string | undefined
  /** Monotonic: when the period ends, and until when what was granted counts. */
  let [ends, trusted] = [0, 0]
  let [granted, unsettled, spent] = [0, 0, 0]
  /** Calls that the last report told of. */
  let told = 0
  let exhausted = false
  let asked = 0
  let idle = IDLE

  const take = (): Admission => {
    if (quota === undefined) {
      unsettled++
      return 'pass'
    }
    const now = clock.monotonic()
    if (period !== undefined && now < ends && now < trusted) {
      if (granted > unsettled) {
        unsettled++
        return 'pass'
      }
      if (exhausted) return 'exhausted'
    }
    asked++
    return 'ask'
  }

  const anewIn = (): number => Math.max(1, Math.ceil((ends - clock.monotonic()) / 1_000))
  const windows = [
    ...(rate === undefined ? [] : [`"rate";q=${rate.calls};w=${Math.max(1, Math.ceil(rate.per / 1_000))}`]),
    ...(quota === undefined ? [] : [`"quota";q=${quota.calls};w=${quota.per === 'day' ? 86_400 : 2_678_400}`]),
  ]
  return {
    id: about.id,
    product: about.product,
    plan,
    consumer: { name: about.application, principal: { subject: about.application, kind: 'client', scopes: [], roles: [] } },
    policy: windows.length === 0 ? undefined : windows.join(', '),
    hasten: () => limit?.take('') ?? { ok: true },
    take,
    passUnsettled: () => void unsettled++,
    anewIn,
    limit: () => {
      if (quota === undefined || period === undefined) return undefined
      return `"quota";r=${Math.max(0, quota.calls - spent - told - unsettled)};t=${anewIn()}`
    },
    report: () => {
      idle = unsettled > 0 || asked > 0 ? 0 : idle + 1
      // What is granted and not used goes back after a while.
      if (idle > IDLE || (idle > 0 && granted === 0)) return undefined
      const wanted = quota === undefined || idle === IDLE ? 0 : Math.max(granted, unsettled * 4, asked, 1)
      const keep = Math.max(0, Math.min(granted - unsettled, wanted))
      told = unsettled
      ;[granted, unsettled, asked] = [keep, 0, 0]
      return { subscription: about.id, ...(period !== undefined && { period }), calls: told, keep, wanted }
    },
    settled: (now, sent) => {
      const others = now.period === period ? now.used - spent - told : 0
      if (others > 0) limit?.charge('', others)
      told = 0
      ;({ period, granted, exhausted } = now)
      spent = now.used
      ends = sent + now.left
      trusted = sent + FORGOTTEN / 2
    },
  }
}
