import type { Address } from '../../discovery/discovery.ts'
import type { PeerIdentity } from './identity.ts'

/**
 * Bytes both ways, in order: what frames are sent over. The names are those of Node's sockets, so that a socket is one
 * as it is; the simulation makes others.
 */
export type ByteStream = {
  /** Takes all of it, however much waits; `taken` is told when the system has it and the buffer may be used again. */
  write(bytes: Uint8Array, taken?: () => void): unknown
  /** Bytes written that the system has not taken. */
  readonly writableLength: number
  /** Whose it is at the other end, where it has an address. */
  readonly remoteAddress?: string | undefined
  /** No more data until `resume`. */
  pause(): unknown
  resume(): unknown
  /** Ends it at once; `destroySoon` when the system has taken what was written. */
  destroy(): unknown
  destroySoon(): void
  on(event: 'data', told: (bytes: Buffer) => void): unknown
  on(event: 'error', told: (error: Error) => void): unknown
  /** `drain`: all is taken after some had waited. `end`: the other side writes no more. `close`: the last thing told. */
  on(event: 'drain' | 'end' | 'close', told: () => void): unknown
}

/** Begins to connect; `onReady` when bytes may be sent, with what the other side has shown of itself. A failure is told as `error`. */
export type Dial = (address: Address, onReady: (identity?: PeerIdentity) => void) => ByteStream

/**
 * Takes connections at an address.
 * @throws when nobody can listen there: the system's own error
 */
export type Accept = (
  address: Address,
  on: { readonly stream: (stream: ByteStream, identity?: PeerIdentity) => void; readonly error: (error: Error) => void },
) => Promise<Acceptor>

export type Acceptor = {
  /** Where it listens: the port that the system gave when 0 was asked for. */
  readonly address: Address
  /** Takes no more; resolves when all connections have ended. */
  readonly close: () => Promise<void>
}
