import type { Runtime } from '../../runtime/runtime.ts'
import type { ClientConnection } from './client-connection.ts'

/** Milliseconds between two looks at whether the calls of a connection that another has followed are over. */
const RETIRE = 500
/** Milliseconds in which a peer is not asked twice for a service that its certificate does not name. */
const ASK_AGAIN = 1_000

/** Connections that others have followed, until their calls are over. */
export type Retired = { readonly add: (outgoing: ClientConnection) => void; readonly stop: () => void }

export function createRetired({ timers }: Pick<Runtime, 'timers'>): Retired {
  const all = new Set<ClientConnection>()
  return {
    add: (outgoing) => {
      all.add(outgoing)
      const look = (): void => {
        if (!outgoing.connection.closed && outgoing.pending.size > 0) return void timers.after(RETIRE, look)
        all.delete(outgoing)
        outgoing.connection.close('another connection has followed it')
      }
      look()
    },
    stop: () => {
      for (const { connection } of [...all]) connection.close('this side has stopped')
    },
  }
}

/** Services that a peer's certificate did not name lately: asking for them again and again would take the connection from others. */
export type Strange = { readonly add: (services: readonly string[]) => void; readonly lately: (service: string) => boolean }

export function createStrange({ clock }: Pick<Runtime, 'clock'>): Strange {
  const seen = new Map<string, number>()
  return {
    add: (services) => {
      for (const service of services) seen.set(service, clock.monotonic())
    },
    lately: (service) => {
      const at = seen.size === 0 ? undefined : seen.get(service)
      return at !== undefined && clock.monotonic() - at < ASK_AGAIN
    },
  }
}
