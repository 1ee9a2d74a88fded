/** The hot path: takes connections, passes requests on, passes answers back. */
import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createDeadlines, type Runtime } from 'dure/runtime'
import { ClientConnection } from './client.ts'
import type { Decisions as DecisionsOf, Surroundings } from './decisions.ts'
import type { Limits } from './limits.ts'
import type { ProxiedRequest } from './proxied-request.ts'
import { SessionConnection } from './session.ts'
import type { Time } from './timed.ts'
import { createTurn } from './turn.ts'

export { ownBody, problem, type Answer } from './answer.ts'
export type { ProxiedRequest } from './proxied-request.ts'
export { addedNames, addField, checkField, createEdits, editedField, removeField, setField } from './edits.ts'
export { limitsOf, type Limits } from './limits.ts'
export type { MakeStage } from './stages.ts'
export { Endpoint, type Failure } from './upstream.ts'
export type { Address, SecureTo } from './sockets.ts'
export type { Time } from './timed.ts'
export { sendUnheard } from './unheard.ts'

export type Decisions = DecisionsOf<ProxiedRequest>

/** Leads the TLS handshakes of connections that have come in. */
export type Handshakes = {
  readonly take: (socket: Socket, secured: (socket: TLSSocket) => void) => void
  /** How many are under way. */
  readonly open: () => number
  readonly stop: () => void
}

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
  return { clock, deadlines: createDeadlines({ clock, timers }), turn: createTurn(timers.soon) }
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
  /** Before connections that are to come over TLS. */
  readonly handshakes?: Handshakes | undefined
}): Proxy {
  const { limits, runtime, time, decisions, name, trusting, plainly, handshakes } = options
  const clients = new Set<ClientConnection | SessionConnection>()
  let closing = false
  let refused = 0
  let emptied: (() => void) | undefined
  const connections = (): number => clients.size + (handshakes?.open() ?? 0)
  const look = (): void => {
    if (connections() === 0) emptied?.()
  }
  const left = (client: ClientConnection | SessionConnection): void => {
    clients.delete(client)
    look()
  }
  const shared = { limits, time, decisions, name, trusting, closing: () => closing }
  const around: Surroundings<ProxiedRequest> = { ...shared, plainly, secure: false }
  // Node has no way to read from TLS but its own.
  const secure = { ...shared, plainly: true, secure: true }
  const secured = (socket: TLSSocket): void => {
    if (socket.alpnProtocol !== 'h2') {
      socket.allowHalfOpen = true
      clients.add(new ClientConnection(socket, secure, left))
      return
    }
    const session = new SessionConnection(socket, secure, left)
    clients.add(session)
    if (closing) session.close()
  }
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    if (connections() >= limits.connections) {
      refused++
      socket.destroy()
    } else if (handshakes === undefined) clients.add(new ClientConnection(socket, around, left))
    else {
      handshakes.take(socket, secured)
      socket.once('close', look)
    }
  })
  const close = async (timeout: number, patiently = false): Promise<void> => {
    closing = true
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    for (const client of [...clients]) if (!patiently || client instanceof SessionConnection) client.close()
    if (connections() > 0) {
      const gone = Promise.withResolvers<void>()
      emptied = gone.resolve
      const timer = runtime.timers.after(timeout, gone.resolve, 'waited')
      await gone.promise
      timer.cancel()
      for (const client of [...clients]) client.destroy()
    }
    handshakes?.stop()
    await closed.promise
    time.deadlines.stop()
  }
  return { server, connections, refused: () => refused, close }
}
