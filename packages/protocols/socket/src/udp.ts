/** Datagrams: a call each, by numbers that go up; of one key the newest counts, and nobody is sent more bytes than came. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { admit, Cancellation } from 'dure/door/internal'
import { beginCall, type CallMessage } from './call.ts'
import { cannotListen, type Listener } from './listener.ts'
import { MalformedMessage, readMessage } from './messages.ts'
import type { Served, SocketState } from './served.ts'

export type UdpOptions = {
  readonly port: number
  /** Which operations: `['game.move']`. Queries and idempotent commands, for a datagram may come twice, or not at all. */
  readonly operations: readonly string[]
}

/** @throws {TypeError} for an operation that is not there, or does not stand being done twice */
export function udpOperations(all: ReadonlyMap<string, Served>, { operations }: UdpOptions): ReadonlyMap<string, Served> {
  return new Map(
    operations.map((name) => {
      const served = all.get(name)
      const { kind, idempotent } = served?.operation ?? {}
      const why =
        served === undefined
          ? 'the door serves no such operation'
          : kind === 'stream' || kind === 'channel'
            ? `it is a ${kind}, and a datagram has one answer; serve it over WebSocket or TCP`
            : idempotent === false
              ? 'it may not be done twice, and datagrams may come twice; declare it idempotent, or serve it over WebSocket or TCP'
              : undefined
      if (why !== undefined) throw new TypeError(`Cannot serve "${name}" over UDP: ${why}`)
      return [name, served!]
    }),
  )
}

/** Bytes that the system holds until they are read, where it allows as many: bursts that come during a pause of this process. */
const WAITING = 4 * 1024 * 1024
/** Keys of one sender whose newest number is remembered. */
const KEYS = 64
const nothing = (): undefined => undefined

/** What is known of one key of one sender. */
type Key = { newest: number; busy: boolean; waiting: Datagram | undefined }
type Datagram = { readonly message: CallMessage; readonly served: Served; readonly bytes: number; readonly from: RemoteInfo }

export async function listenUdp(options: {
  readonly state: SocketState
  readonly host: string
  readonly port: number
  readonly operations: ReadonlyMap<string, Served>
}): Promise<Listener> {
  const { state, host, port, operations } = options
  const { limits } = state
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: WAITING })
  /** By address and port, the one that was heard last at the end. */
  const senders = new Map<string, Map<string, Key>>()

  const keyOf = ({ from, message }: Datagram, name: string): Key => {
    const sender = `${from.address} ${from.port}`
    const keys = senders.get(sender) ?? new Map<string, Key>()
    senders.delete(sender)
    senders.set(sender, keys)
    if (senders.size > limits.senders) senders.delete(senders.keys().next().value!)
    const text = `${message.call} ${name}`
    const key = keys.get(text) ?? { newest: -1, busy: false, waiting: undefined }
    keys.delete(text)
    keys.set(text, key)
    if (keys.size > KEYS) keys.delete(keys.keys().next().value!)
    return key
  }

  const serve = (key: Key, one: Datagram): void => {
    // Whoever is too much is not told so: datagrams may be lost, and answers would be more of them.
    if (state.closing || admit(state) !== undefined) return
    key.busy = true
    const over = (): void => {
      state.calls--
      key.busy = false
      const next = key.waiting
      key.waiting = undefined
      if (next !== undefined) serve(key, next)
    }
    const { message, served } = one
    try {
      const send = (text: string): void => answer(socket, one, text, limits.buffer)
      beginCall({ ...{ state, served, message, send, over }, header: nothing, gone: new Cancellation() })
    } catch {
      // What steers it cannot be: as one that never came.
      over()
    }
  }

  socket.on('message', (bytes, from) => {
    const one = read(bytes, from, operations)
    if (one === undefined) return
    const { key: name } = one.message as { readonly key?: unknown }
    const key = keyOf(one, typeof name === 'string' ? name.slice(0, 100) : '')
    if (one.message.id <= key.newest) return
    key.newest = one.message.id
    if (key.busy) key.waiting = one
    else serve(key, one)
  })
  socket.on('error', (error) => state.world.log.warn('Datagrams cannot be received or sent', { error }))
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)))
    socket.bind({ address: host, port }, resolve)
  })
  const { address, port: bound } = socket.address()
  return { address: { kind: 'udp', host: address, port: bound }, stop: () => void socket.close() }
}

/** What is no call that is served here is as if it never came. */
function read(bytes: Buffer, from: RemoteInfo, operations: ReadonlyMap<string, Served>): Datagram | undefined {
  try {
    const message = readMessage(bytes.toString())
    const served = message.type === 'call' ? operations.get(message.call) : undefined
    return served && { message: message as CallMessage, served, bytes: bytes.length, from }
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

/** Sends no more bytes than came: the sender may be somebody else than who it says. */
function answer(socket: Socket, { message, bytes, from }: Datagram, text: string, most: number): void {
  const short = `{"type":"error","id":${message.id},"error":{"code":"DATAGRAM_TOO_SMALL"}}`
  const sent = [text, short].find((one) => Buffer.byteLength(one) <= bytes)
  if (sent === undefined || socket.getSendQueueSize() > most) return
  socket.send(sent, from.port, from.address)
}
