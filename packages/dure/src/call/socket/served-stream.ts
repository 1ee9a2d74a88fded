import type { CancelReason } from '../cancellation.ts'
import { cancelledError } from '../failure.ts'
import type { ServedCall } from './served-call.ts'

/** What a stream's values are written to. */
export type StreamSink = {
  readonly item: (value: unknown) => boolean
  readonly end: () => void
  readonly fail: (error: unknown) => void
}

/** The callee's end of a stream over the wire: the handler is asked for as many values as the caller asked for. */
export class ServedStream {
  readonly #iterator: AsyncIterator<unknown>
  readonly #call: ServedCall
  readonly #sink: StreamSink
  readonly #most: number
  readonly #place: string
  #wanted = 0
  #pumping = false
  #over = false

  constructor(options: { values: AsyncIterable<unknown>; call: ServedCall; sink: StreamSink; most: number; place: string }) {
    this.#iterator = options.values[Symbol.asyncIterator]()
    this.#call = options.call
    this.#sink = options.sink
    this.#most = options.most
    this.#place = options.place
  }

  get size(): number {
    return this.#call.size
  }

  more(count: number): void {
    this.#wanted = Math.min(this.#wanted + count, this.#most)
    if (!this.#pumping) void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#wanted > 0 && !this.#over) {
      this.#wanted--
      try {
        const result = await this.#iterator.next()
        if (this.#over) return
        if (result.done === true) {
          this.#over = true
          return this.#sink.end()
        }
        if (!this.#sink.item(result.value)) return this.done()
      } catch (error) {
        if (this.#over) return
        this.#over = true
        return this.#sink.fail(error)
      }
    }
    this.#pumping = false
  }

  /** The caller's end; the callee ends with it. */
  cancel(reason: CancelReason): void {
    this.#over = true
    this.#call.cancel(reason)
  }

  /** This side leaves: the handler ends, and the caller is told. */
  leave(): void {
    if (this.#over) return
    this.#call.cancel('stopping')
    // Otherwise the value that is waited for fails with the same words.
    if (this.#pumping) return
    this.#over = true
    this.#sink.fail(cancelledError(this.#place, 'stopping'))
  }

  /** The caller has seen enough. */
  done(): void {
    this.#over = true
    this.#iterator.return?.().catch(() => {})
  }
}
