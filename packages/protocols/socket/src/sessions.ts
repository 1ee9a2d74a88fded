import type { Principal } from 'dure/contract'
import type { Calls } from './calls.ts'
import type { SocketState } from './served.ts'
import type { Session } from './session.ts'

/** A session that its client may come back to. */
export type ResumableSession = {
  readonly session: Session
  readonly calls: Calls
  /** Whose it is: nobody else comes back to it. */
  readonly principal: Principal | undefined
}

/** Sessions of one door, with a connection and without. */
export type Sessions = {
  readonly add: (one: ResumableSession) => void
  readonly find: (id: string) => ResumableSession | undefined
  /** Its connection is gone; it waits for the client. */
  readonly wait: (one: ResumableSession) => void
  /** Its client is there again. */
  readonly back: (one: ResumableSession) => void
  /** It is over, for whatever reason. */
  readonly end: (one: ResumableSession) => void
  /** Nobody can come back any more. */
  readonly endWaiting: () => void
}

export function createSessions({ limits, world }: SocketState): Sessions {
  const all = new Map<string, ResumableSession>()
  /** Those without a connection, longest first, each with the time at which it ends. */
  const waiting = new Map<ResumableSession, { readonly cancel: () => void }>()
  const back = (one: ResumableSession): void => {
    waiting.get(one)?.cancel()
    waiting.delete(one)
  }
  const end = (one: ResumableSession): void => {
    back(one)
    all.delete(one.session.id)
    one.session.end()
    one.calls.stop()
  }
  return {
    back,
    end,
    add: (one) => all.set(one.session.id, one),
    find: (id) => all.get(id),
    wait: (one) => {
      one.session.detach()
      const timer = world.runtime.timers.after(limits.resume, () => end(one))
      waiting.set(one, timer)
      const [oldest] = waiting.keys()
      if (waiting.size > limits.sessions) end(oldest!)
    },
    endWaiting: () => {
      for (const one of [...waiting.keys()]) end(one)
    },
  }
}

export const isSamePrincipal = (one: Principal | undefined, other: Principal | undefined): boolean =>
  one?.kind === other?.kind && one?.subject === other?.subject
