/** Tells a registry over the network of the instances of this process: one word after another of each, and again when it has forgotten them. */
import { CallError } from '../contract/contract.ts'
import { backoff, type BackoffPolicy } from '../runtime/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { RegistryAway, refuses } from './registry-away.ts'
import type { Instance } from './registry.ts'

/** One instance at its registry. */
export type Announcement = {
  /** Says what it is now, whole. @throws {RegistryAway} */
  readonly say: (instance: Instance) => Promise<void>
  /** A sign of life; false when it is not known there any more. @throws {RegistryAway} */
  readonly renew: (instance: Instance) => Promise<boolean>
  /** Takes it out. Nothing follows. @throws {RegistryAway} */
  readonly leave: (instance: Instance) => Promise<void>
}

/** One that this process registered. */
export type Own = {
  readonly announcement: Announcement
  instance: Instance
  /** The server has not been told of the last change. */
  unsaid: boolean
  /** What is under way, and what is to follow it. */
  running: Promise<void> | undefined
  next: Promise<void> | undefined
}

/** Pauses between tries, in milliseconds. */
export const AGAIN: BackoffPolicy = { first: 100, max: 5_000 }

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
  /** Where it is, without a password. */
  readonly base: string
  /** What to do where there is none. */
  readonly advice: string
  readonly registerTimeout: number
  readonly runtime: Pick<Runtime, 'clock' | 'random'>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly pause: (ms: number) => Promise<void>
}): Announcing {
  const { base, advice, registerTimeout, log, signal, pause } = options
  const { clock, random } = options.runtime

  const begin = (entry: Own): Promise<void> => {
    const { instance } = entry
    entry.unsaid = true
    entry.running = entry.announcement
      .say(instance)
      .then(() => {
        if (entry.instance === instance) entry.unsaid = false
      })
      .finally(() => {
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
  const register = async (entry: Own): Promise<void> => {
    const until = clock.monotonic() + registerTimeout
    for (let failed = 1; ; failed++) {
      try {
        return await say(entry)
      } catch (cause) {
        const refused = cause instanceof RegistryAway && refuses(cause)
        if (!refused && clock.monotonic() < until && !signal.aborted) {
          await pause(backoff(AGAIN, failed, random))
          continue
        }
        const what = `Cannot register "${entry.instance.service}" with the registry ${base}: ${(cause as Error).message}`
        throw new CallError(refused ? 'FAILED_PRECONDITION' : 'UNAVAILABLE', refused ? what : `${what}; ${advice}`, {
          cause,
          inside: true,
        })
      }
    }
  }
  const warn =
    (what: string, { instance: { service } }: Own) =>
    (error: unknown) =>
      log.warn(what, { service, error })
  return {
    register,
    tell: (entry) => say(entry).catch(warn('Cannot tell the registry what has changed; it is told when it is back', entry)),
    renew: async (entry, still) => {
      if (!entry.unsaid && ((await entry.announcement.renew(entry.instance)) || !still())) return
      await say(entry)
    },
    leave: async (entry) => {
      await (entry.next ?? entry.running)?.catch(() => {})
      await entry.announcement
        .leave(entry.instance)
        .catch(warn('Cannot take an instance out of the registry; it goes with its lease', entry))
    },
  }
}
