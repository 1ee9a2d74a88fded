/** Tells a Eureka server of the instances of this process: one after another of each, and again when it has forgotten them. */
import { CallError } from 'dure/contract'
import type { Instance } from 'dure/discovery'
import { backoff } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { RegistryAway, type EurekaClient } from './client.ts'
import type { LeaseTimes } from './instance.ts'
import { appOf, idOf, toEureka } from './mapping.ts'

/** One that this process registered. */
export type Own = {
  instance: Instance
  dirty: number
  /** The server has not been told of the last change. */
  unsaid: boolean
  /** The server was told to take it out of service. */
  outOfService: boolean
  /** What is under way, and what is to follow it. */
  running: Promise<void> | undefined
  next: Promise<void> | undefined
}

export const ownOf = (instance: Instance): Own => ({
  instance,
  dirty: 0,
  unsaid: true,
  outOfService: false,
  running: undefined,
  next: undefined,
})

/** Pauses between tries, in milliseconds. */
export const AGAIN: { readonly first: number; readonly max: number } = { first: 100, max: 5_000 }

export type Announcing = {
  /** Says what is so by the time its turn comes; what cannot be said now is said with the next sign of life. */
  readonly tell: (entry: Own) => Promise<void>
  /** A sign of life; who is not known, and is still to be, registers. @throws {RegistryAway} */
  readonly renew: (entry: Own, still: () => boolean) => Promise<void>
  /** Says it until it is heard. @throws {CallError} UNAVAILABLE in the end, FAILED_PRECONDITION when it is refused */
  readonly register: (entry: Own) => Promise<void>
  readonly leave: (entry: Own) => Promise<void>
}

export function createAnnouncing(options: {
  readonly client: EurekaClient
  readonly scope: string
  readonly lease: LeaseTimes
  readonly registerTimeout: number
  readonly runtime: Pick<Runtime, 'clock' | 'random'>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly pause: (ms: number) => Promise<void>
}): Announcing {
  const { client, scope, lease, registerTimeout, log, signal, pause } = options
  const { clock, random } = options.runtime

  const pathOf = ({ instance }: Own): string => `/apps/${encodeURIComponent(appOf(instance.service))}`
  const post = async (entry: Own): Promise<void> => {
    entry.unsaid = true
    // Later than before in any case, whatever the clock says.
    entry.dirty = Math.max(clock.now(), entry.dirty + 1)
    const { dirty } = entry
    const { status } = await client.ask('POST', pathOf(entry), { body: toEureka(entry.instance, { scope, lease, dirty }) })
    if (status === 404) throw new RegistryAway('what answers there is no Eureka server: it answered 404', { status })
    await serve(entry, entry.instance.status !== 'draining')
    if (entry.dirty === dirty) entry.unsaid = false
  }
  /** Eureka's servers take no registration for a change between `UP` and `OUT_OF_SERVICE`: that is an override, which is said apart. */
  const serve = async (entry: Own, inService: boolean): Promise<void> => {
    if (inService === !entry.outOfService) return
    const path = `${pathOf(entry)}/${encodeURIComponent(idOf(entry.instance))}/status`
    if (inService) await client.ask('DELETE', `${path}?value=UP&lastDirtyTimestamp=${entry.dirty}`)
    else await client.ask('PUT', `${path}?value=OUT_OF_SERVICE&lastDirtyTimestamp=${entry.dirty}`)
    entry.outOfService = !inService
  }
  const begin = (entry: Own): Promise<void> => {
    entry.running = post(entry).finally(() => {
      entry.running = undefined
    })
    return entry.running
  }
  /** One after another; those who come while one is under way share the next, which says what is so by then. */
  const say = (entry: Own): Promise<void> => {
    if (entry.next !== undefined) return entry.next
    if (entry.running === undefined) return begin(entry)
    entry.next = entry.running
      .catch(() => {})
      .then(() => {
        entry.next = undefined
        return begin(entry)
      })
    return entry.next
  }

  const renew = async (entry: Own, still: () => boolean): Promise<void> => {
    if (entry.unsaid) return say(entry)
    const path = `${pathOf(entry)}/${encodeURIComponent(idOf(entry.instance))}?status=${toStatus(entry.instance)}&lastDirtyTimestamp=${entry.dirty}`
    const { status } = await client.ask('PUT', path, { signal })
    if (status !== 404 || !still()) return
    // It has forgotten what it was told beside.
    entry.outOfService = false
    await say(entry)
  }
  const register = async (entry: Own): Promise<void> => {
    const until = clock.monotonic() + registerTimeout
    for (let failed = 1; ; failed++) {
      try {
        return await say(entry)
      } catch (cause) {
        const { message, status } = cause as RegistryAway
        const refused = status !== undefined && status >= 400 && status < 500 && status !== 429
        if (!refused && clock.monotonic() < until && !signal.aborted) {
          await pause(backoff(AGAIN, failed, random))
          continue
        }
        const what = `Cannot register "${entry.instance.service}" with the registry ${client.base}: ${message}`
        const todo = refused ? '' : '; start one with "dure registry start", or give its address'
        throw new CallError(refused ? 'FAILED_PRECONDITION' : 'UNAVAILABLE', `${what}${todo}`, { cause, inside: true })
      }
    }
  }

  const leave = async (entry: Own): Promise<void> => {
    await (entry.next ?? entry.running)?.catch(() => {})
    await client.ask('DELETE', `${pathOf(entry)}/${encodeURIComponent(idOf(entry.instance))}`).catch((error: unknown) =>
      log.warn('Cannot take an instance out of the registry; it goes with its lease', {
        service: entry.instance.service,
        error,
      }),
    )
  }

  const tell = (entry: Own): Promise<void> =>
    say(entry).catch((error: unknown) =>
      log.warn('Cannot tell the registry what has changed; it is told when it is back', {
        service: entry.instance.service,
        error,
      }),
    )

  return { tell, renew, register, leave }
}

const toStatus = ({ status }: Instance): string => (status === 'draining' ? 'OUT_OF_SERVICE' : status.toUpperCase())
