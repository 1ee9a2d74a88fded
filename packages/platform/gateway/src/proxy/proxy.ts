/** The hot path: takes connections, passes requests on, passes answers back. */
import { createServer, type Server } from 'node:net'
import { createDeadlines, type Runtime } from 'dure/runtime'
import { ClientConnection } from './client.ts'
import type { Decisions as DecisionsOf } from './decisions.ts'
import type { Limits } from './limits.ts'
import type { ProxiedRequest } from './proxied-request.ts'
import type { Time } from './timed.ts'

export { problem, type Answer } from './answer.ts'
export type { ProxiedRequest } from './proxied-request.ts'
export { addField, checkField, createEdits, removeField, setField } from './edits.ts'
export { limitsOf, type Limits } from './limits.ts'
export { Endpoint, type Failure } from './upstream.ts'
export type { Time } from './timed.ts'

export type Decisions = DecisionsOf<ProxiedRequest>

export type Proxy = {
  readonly server: Server
  /** Connections of clients that are open. */
  readonly connections: () => number
  /** Connections that were turned away, since there were as many as there may be. */
  readonly refused: () => number
  /**
   * Takes no more connections, answers what is under way; after so many milliseconds ends what is left. Patiently: one that is idle ends
   * with its next answer, since a request may be on its way.
   */
  readonly close: (timeout: number, patiently?: boolean) => Promise<void>
}

export function createTime({ clock, timers }: Pick<Runtime, 'clock' | 'timers'>): Time {
  return { clock, deadlines: createDeadlines({ clock, timers }) }
}

export function createProxy(options: {
  readonly limits: Limits
  readonly runtime: Pick<Runtime, 'timers'>
  readonly time: Time
  readonly decisions: Decisions
  /** What it calls itself in the field Via. */
  readonly name: string
  readonly trusting: boolean
  readonly plainly?: boolean | undefined
}): Proxy {
  const { limits, runtime, time, decisions, name, trusting, plainly } = options
  const clients = new Set<ClientConnection>()
  let closing = false
  let refused = 0
  let emptied: (() => void) | undefined
  const left = (client: ClientConnection): void => {
    clients.delete(client)
    if (clients.size === 0) emptied?.()
  }
  const around = { limits, time, decisions, name, trusting, plainly, closing: () => closing }
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    if (clients.size >= limits.connections) {
      refused++
      socket.destroy()
      return
    }
    clients.add(new ClientConnection(socket, around, left))
  })
  const close = async (timeout: number, patiently = false): Promise<void> => {
    closing = true
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    if (!patiently) for (const client of [...clients]) client.close()
    if (clients.size > 0) {
      const gone = Promise.withResolvers<void>()
      emptied = gone.resolve
      const timer = runtime.timers.after(timeout, gone.resolve, 'waited')
      await gone.promise
      timer.cancel()
      for (const client of [...clients]) client.socket.destroy()
    }
    await closed.promise
    time.deadlines.stop()
  }
  return { server, connections: () => clients.size, refused: () => refused, close }
}
