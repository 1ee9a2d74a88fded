import type { Registration, Registry } from '../../discovery/discovery.ts'
import { DURE, thisProcess } from '../../discovery/internal.ts'
import { copyName } from '../../contract/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { inTime, timeLeft } from '../../runtime/internal.ts'
import type { Listener } from './wires.ts'

/** What a process says in the registry of the services that it runs. */
export type Registrations = {
  /** Says that it is about to run a service. */
  readonly begin: (one: { readonly service: string; readonly version: string }) => Promise<void>
  /** Says that the process takes calls, and that all services begun so far are up; the way back is among what is to be undone. */
  readonly open: (listener: Listener) => Promise<void>
  /** Says that one more service is up. */
  readonly up: (service: string) => Promise<void>
  /** Says that a service takes no more calls here; resolves when others have heard of it. */
  readonly drain: (service: string) => Promise<void>
  readonly end: (service: string) => Promise<void>
  readonly withdraw: (how: { readonly everything?: boolean; readonly timeout: number }) => Promise<void>
}

/**
 * Milliseconds between saying that it drains and taking no more calls: others need a moment to hear of it, and what they
 * send until then is answered.
 */
export const GRACE: number = 150

export function createRegistrations(options: {
  readonly registry: Registry
  readonly runtime: Runtime
  /** Of the process. */
  readonly id: string
  readonly copy: number | undefined
  /** What else its instances say of themselves. */
  readonly metadata: Readonly<Record<string, string>>
  /** Ends what would otherwise be under way for ever. */
  readonly leave: (() => Promise<void>) | undefined
}): Registrations {
  const { registry, runtime, id, copy, metadata, leave } = options
  const own = new Map<string, Registration>()
  let listener: Listener | undefined
  const grace = registry.grace ?? GRACE
  const { thread } = thisProcess()

  const up = async (service: string): Promise<void> =>
    own.get(service)?.update({ status: 'up', endpoints: { [DURE]: listener!.address } })
  const drainAll = (): Promise<unknown> =>
    Promise.all([...own.values()].map((registration) => registration.update({ status: 'draining' })))

  return {
    begin: async (one) => {
      const since = new Date(runtime.clock.now()).toISOString()
      const known = { since, copy: copyName(one.service, copy), ...(thread !== undefined && { thread: String(thread) }) }
      own.set(
        one.service,
        await registry.register({ ...one, id, status: 'starting', endpoints: {}, metadata: { ...metadata, ...known } }),
      )
    },
    open: async (opened) => {
      listener = opened
      const endpoints = { [DURE]: opened.address }
      await registry.register({ service: PROCESS, id, version: '1.0.0', status: 'up', endpoints, metadata: {} })
      for (const service of own.keys()) await up(service)
    },
    up,
    drain: async (service) => {
      await own.get(service)?.update({ status: 'draining' })
      await runtime.timers.sleep(grace)
    },
    end: async (service) => {
      const registration = own.get(service)
      own.delete(service)
      await registration?.stop()
    },
    // Leaves in the order that fails no call: nothing new, a moment later out of reach, then out of the registry.
    withdraw: async ({ everything, timeout }) => {
      const left = timeLeft(runtime.clock, timeout)
      if (everything === true && leave !== undefined) await othersGone({ registry, runtime, timeout })
      await drainAll()
      await runtime.timers.sleep(Math.min(grace, left()))
      // What hangs is ended by its service, which comes next.
      if (leave !== undefined) await inTime(runtime.timers, left(), leave(), () => {})
      if (listener !== undefined) await inTime(runtime.timers, left(), listener.drain(), () => {})
      await Promise.all([...own.values()].map((registration) => registration.stop()))
    },
  }
}

/** A process is there from when it takes calls until it has let go of everything; its services leave before. */
const PROCESS = 'dure.process'

/** Who leaves may still have something to tell the broker. */
async function othersGone(options: {
  readonly registry: Registry
  readonly runtime: Runtime
  readonly timeout: number
}): Promise<void> {
  const { registry, runtime, timeout } = options
  const gone = new AbortController()
  const look = (): void => {
    if (registry.instances(PROCESS).length <= 1) gone.abort()
  }
  const watching = registry.watch(PROCESS, look)
  look()
  await runtime.timers.sleep(timeout, gone.signal)
  watching.stop()
}
