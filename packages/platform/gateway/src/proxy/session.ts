/** A connection of HTTP/2: each of its streams is a client of its own, as a connection of HTTP/1.1 is. */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { requestHeadOf, StreamConnection } from '../http2/http2.ts'
import { ClientConnection } from './client.ts'
import type { Surroundings } from './decisions.ts'
import type { ProxiedRequest } from './proxied-request.ts'
import { Timed } from './timed.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM, NGHTTP2_PROTOCOL_ERROR } = constants
/** For which one that was told to go may take to do so. */
const LINGER = 2_000
/** Words a second that are about the connection and ask for nothing. */
const MOST_WORDS = 1_000

export class SessionConnection extends Timed {
  readonly #around: Surroundings<ProxiedRequest>
  readonly #session: ServerHttp2Session
  readonly #socket: TLSSocket
  readonly #clients = new Set<ClientConnection>()
  #closing = false
  #words = 0
  #since = 0

  constructor(socket: TLSSocket, around: Surroundings<ProxiedRequest>, left: (session: SessionConnection) => void) {
    super(around.time)
    const { limits } = around
    this.#socket = socket
    this.#around = {
      ...{ ...around, version: '2.0', plainly: true },
      // Whoever has to go is told so by the connection as a whole.
      closing: () => false,
    }
    this.#session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.head },
      // Its pseudo fields are no fields of HTTP/1.1.
      maxHeaderListPairs: limits.fields + 4,
      // What an upstream has said twice is passed on.
      strictSingleValueFields: false,
    })
    this.#session.on('stream', (stream, _headers, flags, raw) =>
      this.#begin(stream, raw as unknown as readonly string[], (flags & NGHTTP2_FLAG_END_STREAM) !== 0),
    )
    for (const word of ['ping', 'remoteSettings', 'priority']) this.#session.on(word, () => this.#hear())
    this.#session.on('error', () => {})
    // Without a session its socket is nobody's.
    this.#session.on('close', () => socket.destroySoon())
    socket.on('error', () => {})
    socket.on('close', () => {
      this.never()
      left(this)
    })
    this.lateIn(limits.headTimeout)
  }

  #begin(stream: ServerHttp2Stream, raw: readonly string[], ended: boolean): void {
    const head = requestHeadOf(raw, ended)
    if (head === undefined) {
      stream.on('error', () => {})
      stream.close(NGHTTP2_PROTOCOL_ERROR)
      return
    }
    const connection = new StreamConnection(stream, { ...head, ended }, this.#socket)
    this.#clients.add(new ClientConnection(connection, this.#around, (client) => this.#left(client)))
    if (!this.#closing) this.due = Number.POSITIVE_INFINITY
  }

  /** Node answers pings and settings by itself, however many there are. */
  #hear(): void {
    const now = this.time.clock.monotonic()
    if (now - this.#since > 1_000) {
      this.#since = now
      this.#words = 0
    }
    if (++this.#words > MOST_WORDS) this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #left(client: ClientConnection): void {
    this.#clients.delete(client)
    if (this.#clients.size === 0 && !this.#closing) this.lateIn(this.#around.limits.idleTimeout)
  }

  /** Takes no further requests, says which was the last that is answered, and ends when they all are. */
  close(): void {
    this.#closing = true
    this.#session.close()
    this.lateIn(LINGER)
  }

  destroy(): void {
    this.#session.destroy()
    this.#socket.destroy()
  }

  late(): void {
    if (!this.#closing) return this.close()
    // Requests under way have their own times.
    if (this.#clients.size === 0) this.destroy()
    else this.lateIn(LINGER)
  }
}
