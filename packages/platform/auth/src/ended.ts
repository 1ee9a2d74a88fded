/** Logins that have ended, told to whoever has something of them: clients by their back channel, and this system by a callback. */
import type { Timers } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Provider } from 'oidc-provider'
import type { EndedLogin } from './options.ts'

/** Logins that were told of lately: an end that is found in two ways is told once. */
const REMEMBERED = 10_000
/** Milliseconds between the times a client is asked that did not answer. */
const AGAIN = [500, 2_000, 8_000]

export type Ends = {
  readonly tell: (ended: EndedLogin) => Promise<void>
  /** The client knows of it already. */
  readonly known: (client: string, sid: string | undefined) => void
  /** Resolves when all clients have been told, or given up. */
  readonly stop: () => Promise<void>
}

export function createEnds(options: {
  readonly provider: () => Provider
  readonly timers: Timers
  readonly log: Logger
  readonly onEnded: (ended: EndedLogin) => Promise<void>
}): Ends {
  const { timers, log } = options
  const told = { here: lately(), clients: lately() }
  const underWay = new Set<Promise<void>>()
  const stopped = new AbortController()

  const tellClient = async ({ subject, sid }: EndedLogin, id: string): Promise<void> => {
    for (const wait of [0, ...AGAIN]) {
      if (wait > 0) await timers.sleep(wait, stopped.signal)
      const client = await options.provider().Client.find(id)
      if (client?.backchannelLogoutUri === undefined) return
      try {
        return await client.backchannelLogout(subject, sid)
      } catch (error) {
        log.warn('Cannot tell a client that a login has ended', { client: id, sid, error })
      }
      if (stopped.signal.aborted) return
    }
  }
  return {
    tell: async (ended) => {
      const { client, sid } = ended
      if (client === undefined || sid === undefined) return options.onEnded(ended)
      if (told.here(`${client} ${sid}`)) await options.onEnded(ended)
      if (!told.clients(`${client} ${sid}`)) return
      const work = tellClient(ended, client)
        .catch((error: unknown) => log.error('Cannot tell a client that a login has ended', { client, sid, error }))
        .finally(() => underWay.delete(work))
      underWay.add(work)
    },
    known: (client, sid) => void told.clients(`${client} ${sid ?? ''}`),
    stop: async () => {
      stopped.abort()
      await Promise.all(underWay)
    },
  }
}

/** Whether a thing is new; the oldest are forgotten. */
function lately(): (name: string) => boolean {
  const names = new Set<string>()
  return (name) => {
    if (names.has(name)) return false
    names.add(name)
    if (names.size > REMEMBERED) names.delete(names.values().next().value!)
    return true
  }
}
