import type { Connection } from './sockets.ts'

/** Whether a client is read from: not while bytes wait that are not looked at yet, and not while nobody takes what it sends. */
export class Inflow {
  blocked = false
  #later: Buffer | undefined = undefined
  #paused = false
  readonly #socket: Connection

  constructor(socket: Connection) {
    this.#socket = socket
  }

  waits(): boolean {
    return this.#later !== undefined
  }

  /** For later: it belongs to the next request, or nobody knows yet whom this one goes to. */
  putOff(bytes: Buffer): void {
    this.#later = this.#later === undefined ? Buffer.from(bytes) : Buffer.concat([this.#later, bytes])
    this.flow()
  }

  take(): Buffer | undefined {
    const later = this.#later
    this.#later = undefined
    return later
  }

  block(blocked: boolean): void {
    this.blocked = blocked
    this.flow()
  }

  flow(): void {
    const paused = this.#later !== undefined || this.blocked
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#socket.pause()
    else this.#socket.resume()
  }
}
