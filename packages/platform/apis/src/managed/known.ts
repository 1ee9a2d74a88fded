/** All that a gateway has to know to let calls pass, in memory: it reads no store, whatever keys it is shown. */
import type { Clock } from 'dure/runtime'
import { digestOf } from '../subscribers.ts'
import type { GatewayReport, Plan, SettledAnswer, Used } from '../values.ts'
import { createSubscriber, type Subscriber } from './subscriber.ts'

type Version = SettledAnswer['versions'][number]
type KnownKey = {
  readonly id: string
  readonly subscription: string
  readonly expires: number | undefined
  alive: boolean
  /** As it was sent; undefined: it was not yet. */
  text: string | undefined
  used: number | undefined
}

export type Known = {
  /** `none`: there is no such key, or not any more. `inactive`: its subscription has no plan that counts. */
  readonly find: (key: string) => Subscriber | 'none' | 'inactive'
  readonly version: (product: string, line: string) => Version | undefined
  readonly learn: (answer: SettledAnswer, sent: number) => void
  /** What is to be settled of quotas and keys. */
  readonly report: () => Pick<GatewayReport, 'used' | 'keys'>
}

/** Longer than any of ours. */
const LONGEST_KEY = 200
const AT_ONCE = 10_000

export function createKnown(clock: Clock): Known {
  const byDigest = new Map<string, KnownKey>()
  const byText = new Map<string, KnownKey>()
  const subscriptions = new Map<string, SettledAnswer['subscriptions'][number]>()
  const subscribers = new Map<string, Subscriber>()
  const plans = new Map<string, Plan>()
  const versions = new Map<string, Version>()
  /** What was used of plans that were changed before it was settled. */
  let unsettled: Used[] = []
  /** Keys that were used since that was told. */
  const used = new Set<KnownKey>()

  const keyOf = (text: string): KnownKey | undefined => {
    const known = byText.get(text)
    if (known !== undefined || text.length > LONGEST_KEY) return known
    // What is looked up is a digest: how long that takes says nothing of the key.
    const found = byDigest.get(digestOf(text))
    if (found === undefined) return undefined
    // A copy: a part of a text keeps all of it.
    found.text = Buffer.from(text, 'latin1').toString('latin1')
    byText.set(found.text, found)
    return found
  }
  const forget = (key: KnownKey, digest: string): void => {
    key.alive = false
    byDigest.delete(digest)
    if (key.text !== undefined) byText.delete(key.text)
  }
  /** A subscription that goes on keeps what it has used; one whose plan was changed begins with what is settled next. */
  const subscriberOf = (id: string): Subscriber | undefined => {
    const about = subscriptions.get(id)
    const plan = about && plans.get(`${about.product} ${about.plan}`)
    if (about === undefined || !about.active || plan === undefined) return undefined
    const known = subscribers.get(id)
    if (known?.plan === plan) return known
    const rest = known?.report()
    if (rest !== undefined) unsettled.push({ ...rest, keep: 0, wanted: 0 })
    const made = createSubscriber(about, plan, clock)
    subscribers.set(id, made)
    return made
  }
  const learn: Known['learn'] = (answer, sent) => {
    if (answer.anew) for (const all of [byDigest, byText, subscriptions, plans, versions]) all.clear()
    for (const each of answer.plans) plans.set(`${each.product} ${each.plan.name}`, each.plan)
    for (const each of answer.versions) versions.set(`${each.product} ${each.line}`, each)
    for (const each of answer.subscriptions) subscriptions.set(each.id, each)
    for (const { id, digest, subscription, alive, expires } of answer.keys) {
      const known = byDigest.get(digest)
      if (!alive) {
        if (known !== undefined) forget(known, digest)
      } else if (known === undefined) byDigest.set(digest, { id, subscription, expires, alive, text: undefined, used: undefined })
    }
    for (const quota of answer.quotas) subscribers.get(quota.subscription)?.settled(quota, sent)
  }
  return {
    learn,
    find: (text) => {
      const key = keyOf(text)
      const now = clock.now()
      if (key === undefined || !key.alive || (key.expires !== undefined && key.expires <= now)) return 'none'
      key.used = now
      used.add(key)
      return subscriberOf(key.subscription) ?? 'inactive'
    },
    version: (product, line) => versions.get(`${product} ${line}`),
    report: () => {
      const reported = unsettled
      unsettled = []
      for (const [id, subscriber] of subscribers) {
        if (reported.length >= AT_ONCE) break
        const one = subscriber.report()
        if (one !== undefined) reported.push(one)
        else if (subscriptions.get(id)?.active !== true) subscribers.delete(id)
      }
      const keys = [...used].slice(0, AT_ONCE)
      for (const key of keys) used.delete(key)
      return { used: reported, keys: keys.map(({ id, used: at }) => ({ id, at: at! })) }
    },
  }
}
