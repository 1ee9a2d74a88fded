/** What etcd has below the prefix, kept up to date here: all of it once, at one revision, then what changes from that revision on. */
import type { Instance } from 'dure/discovery'
import { isInScope, readInstance, RegistryAway } from 'dure/discovery/internal'
import type { Clock, Timers } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { fromBase64, inBase64, keyOf, rangeOf } from './address.ts'
import type { Gateway, Json } from './gateway.ts'
import { list, revisionOf } from './listing.ts'

export type Keys = {
  /** Lists, then watches until the watch ends: etcd has compacted what it was to go on from, or the signal aborts. @throws {RegistryAway} */
  readonly follow: (seen: () => void, signal: AbortSignal) => Promise<void>
  readonly instances: () => Iterable<Instance>
  /** Whether etcd had this key at `revision` or later; true as well as long as that is not known. */
  readonly has: (key: string, revision: number) => boolean
  /** Since when instances are shown that etcd has forgotten, in milliseconds since the epoch. */
  readonly staleSince: () => number | undefined
}

const MOST_KEYS = 50_000
/** Strangers' keys that are named in the log. */
const MOST_TOLD = 100

export function createKeys(options: {
  readonly gateway: Gateway
  readonly prefix: string
  readonly scope: string
  /** Milliseconds between questions whether the member that is watched still has its cluster. */
  readonly interval: number
  /** Milliseconds in which whoever lives registers again with an etcd that has lost its data. */
  readonly lease: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly timers: Timers
  readonly log: Pick<Logger, 'warn'>
}): Keys {
  const { gateway, prefix, scope, lease, clock, timers } = options
  let known = new Map<string, Instance>()
  let at = 0
  /** Of an etcd whose data is gone, or that was away for so long that it may end leases whose holders live. */
  let forgotten: { readonly since: number; readonly known: ReadonlyMap<string, Instance> } | undefined
  /** Monotonic milliseconds: when it answered last. */
  let heard = Number.POSITIVE_INFINITY
  /** While the watch goes on. */
  let tell: (() => void) | undefined
  const stranger = tellingOnce(options.log)
  const shown = (): ReadonlyMap<string, Instance> => (forgotten === undefined ? known : new Map([...forgotten.known, ...known]))

  const put = (into: Map<string, Instance>, kv: Json): void => {
    const key = fromBase64(String(kv['key']))
    const instance = instanceIn(key, kv['value'])
    if (instance === 'elsewhere') return void into.delete(key)
    if (instance === undefined || (into.size >= MOST_KEYS && !into.has(key))) {
      into.delete(key)
      return stranger(key, instance === undefined ? 'it is no instance' : `there are more than ${MOST_KEYS}`)
    }
    into.set(key, instance)
  }
  /** Undefined for what nobody of Dure's wrote; `elsewhere` for what belongs to another system. */
  const instanceIn = (key: string, value: unknown): Instance | 'elsewhere' | undefined => {
    try {
      const said = JSON.parse(fromBase64(String(value))) as { readonly scope?: unknown }
      const instance = readInstance(said)
      if (keyOf(prefix, instance) !== key) return undefined
      return isInScope(instance.service, said.scope, scope) ? instance : 'elsewhere'
    } catch {
      return undefined
    }
  }

  const learn = async (): Promise<void> => {
    const { found, revision } = await list<Instance>(gateway, prefix, (kvs, into) => kvs.forEach((kv) => put(into, kv)))
    const lost = revision < at
    if (lost) stranger(prefix, 'etcd is at an older revision than it was: it has lost its data')
    if (lost || clock.monotonic() - heard >= lease) forgotten = { since: clock.now(), known: shown() }
    heard = clock.monotonic()
    known = found
    at = revision
  }
  const watch = async (seen: () => void, signal: AbortSignal): Promise<void> => {
    const create = { ...rangeOf(prefix), start_revision: at + 1, fragment: true }
    let compacted = false
    const each = (answer: Json): boolean => {
      if (answer['canceled'] === true) {
        compacted = answer['compact_revision'] !== undefined
        if (compacted) return false
        throw new RegistryAway(`it does not let us watch: ${String(answer['cancel_reason'])}`, { status: 403 })
      }
      const events = (answer['events'] ?? []) as readonly Json[]
      for (const { type, kv } of events as readonly { readonly type?: unknown; readonly kv: Json }[]) {
        if (type === 'DELETE') known.delete(fromBase64(String(kv['key'])))
        else put(known, kv)
      }
      if (events.length === 0) return true
      at = Math.max(at, revisionOf(answer))
      seen()
      return true
    }
    await gateway.follow('/v3/watch', { create_request: create }, each, signal)
    if (!compacted && !signal.aborted) throw new RegistryAway('it ended the watch')
  }
  const forgetLater = (): void => {
    const these = forgotten
    if (these === undefined) return
    timers.after(lease, () => {
      if (forgotten !== these) return
      forgotten = undefined
      tell?.()
    })
  }

  return {
    follow: async (seen, signal) => {
      await learn()
      forgetLater()
      tell = seen
      seen()
      const over = new AbortController()
      let why: unknown
      const either = AbortSignal.any([signal, over.signal])
      const answered = (): void => void (heard = clock.monotonic())
      const asked = askOften({ ...options, answered }, () => at, either).catch((error: unknown) => {
        why = error
        over.abort()
      })
      try {
        await watch(seen, either)
      } catch (error) {
        throw why ?? error
      } finally {
        tell = undefined
        over.abort()
        await asked
      }
      if (why !== undefined) throw why
    },
    instances: () => shown().values(),
    has: (key, revision) => at < revision || known.has(key) || known.size >= MOST_KEYS,
    staleSince: () => forgotten?.since,
  }
}

/**
 * A watch says nothing of a member that stands still or has lost the others: that is asked, until the signal. @throws {RegistryAway}
 */
async function askOften(
  {
    gateway,
    prefix,
    interval,
    timers,
    answered,
  }: Pick<Parameters<typeof createKeys>[0], 'gateway' | 'prefix' | 'interval' | 'timers'> & { readonly answered: () => void },
  at: () => number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await timers.sleep(interval, signal)
    if (signal.aborted) return
    const before = at()
    const revision = revisionOf(await gateway.ask('/v3/kv/range', { key: inBase64(prefix), count_only: true }))
    answered()
    if (revision < before) throw new RegistryAway('its data is older than it was')
  }
}

function tellingOnce(log: Pick<Logger, 'warn'>): (key: string, why: string) => void {
  const told = new Set<string>()
  return (key, why) => {
    if (told.has(key) || told.size >= MOST_TOLD) return
    told.add(key)
    log.warn('A key in etcd is not used', { key, why })
  }
}
