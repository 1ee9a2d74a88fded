/**
 * Values that one side of a connection makes and the other takes: whoever takes them grants credit, in values and in
 * bytes, and whoever makes them runs ahead by no more than that. Nothing is made before the first is asked for.
 */

import type { Timers } from '../runtime/runtime.ts'
import { Asked, type Failure } from './value-stream.ts'

/** How far a producer may run ahead of its consumer. */
export type Window = {
  readonly values: number
  /** It begins no further value once so many are on their way: the last one may go beyond it. */
  readonly bytes: number
}

/** What is allowed where nobody says otherwise. */
export const DEFAULT_WINDOW: Window = { values: 64, bytes: 256 * 1024 }

type Came = { readonly value: unknown; readonly bytes: number }

export type ReceiverOptions = {
  readonly window: Window
  /** Told first when the first value is asked for. */
  readonly grant: (values: number, bytes: number) => void
  /** Told once, when nothing more is handed out; `byConsumer`: it had seen enough before the end came. */
  readonly onOver: (byConsumer: boolean) => void
  /** Told how many bytes more (or less) wait to be taken. */
  readonly onHold?: (bytes: number) => void
}

/** The consumer's side: values that have come, handed out in order; credit is granted as they are taken. */
export class Receiver implements AsyncIterableIterator<unknown> {
  readonly #options: ReceiverOptions
  readonly #asked = new Asked()
  readonly #came: Came[] = []
  /** What may still come. */
  #values = 0
  #bytes = 0
  /** Taken since credit was last granted. */
  #takenValues = 0
  #takenBytes = 0
  #begun = false
  /** Nothing more comes; what has come is still handed out. */
  #ended = false
  #failure: Failure | undefined = undefined
  #over = false

  constructor(options: ReceiverOptions) {
    this.#options = options
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown>> {
    const came = this.#came.shift()
    if (came !== undefined) {
      this.#options.onHold?.(-came.bytes)
      this.#taken(came.bytes)
      return Promise.resolve({ done: false, value: came.value })
    }
    if (this.#ended) this.#finish(false)
    return this.#asked.next(this.#begin)
  }

  /** The consumer has seen enough. */
  return(): Promise<IteratorResult<unknown>> {
    this.#failure = undefined
    this.#finish(!this.#ended)
    return this.#asked.end(undefined)
  }

  /** @returns false when it had not been asked for */
  push(value: unknown, bytes: number): boolean {
    if (this.#over) return true
    if (this.#ended || this.#values <= 0 || this.#bytes <= 0) return false
    this.#values--
    this.#bytes -= bytes
    if (this.#asked.size === 0) {
      this.#came.push({ value, bytes })
      this.#options.onHold?.(bytes)
    } else {
      this.#taken(bytes)
      this.#asked.answer(value)
    }
    return true
  }

  /** The producer has come to its end: whoever takes gets what has come first, and the error then. */
  end(error?: Error): void {
    if (this.#over || this.#ended) return
    this.#ended = true
    this.#failure = error && { error }
    if (this.#asked.size > 0) this.#finish(false)
  }

  /** This side ends it: what has come is not handed out any more. */
  fail(error: Error): void {
    this.#failure = { error }
    this.#finish(false)
  }

  readonly #begin = (): void => {
    if (this.#begun) return
    this.#begun = true
    this.#allow(this.#options.window.values, this.#options.window.bytes)
  }

  #taken(bytes: number): void {
    if (this.#ended) return
    this.#takenValues++
    this.#takenBytes += bytes
    const { values, bytes: most } = this.#options.window
    if (this.#takenValues * 2 < values && this.#takenBytes * 2 < most) return
    const [count, size] = [this.#takenValues, this.#takenBytes]
    this.#takenValues = this.#takenBytes = 0
    this.#allow(count, size)
  }

  #allow(values: number, bytes: number): void {
    this.#values += values
    this.#bytes += bytes
    this.#options.grant(values, bytes)
  }

  #finish(byConsumer: boolean): void {
    if (this.#over) return
    this.#over = true
    let held = 0
    for (const { bytes } of this.#came.splice(0)) held += bytes
    if (held > 0) this.#options.onHold?.(-held)
    void this.#asked.end(this.#failure)
    this.#options.onOver(byConsumer)
  }
}

/** Values that are made in one turn of the event loop, at most. */
const LONG_TURN = 256

/** Where a producer's values go. */
export type Sink = {
  /** @returns bytes that it takes on the way */
  readonly value: (value: unknown) => number
  readonly end: () => void
  readonly fail: (error: unknown) => void
}

export type SenderOptions = {
  readonly values: AsyncIterable<unknown>
  readonly sink: Sink
  readonly soon: Timers['soon']
}

/** The producer's side: makes values as far as there is credit. */
export class Sender {
  readonly #options: SenderOptions
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #count = 0
  #bytes = 0
  /** It goes on by itself. */
  #running = false
  /** A value is being made. */
  #making = false
  #over = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** Whether it is waiting for a value, whose failure would be its end. */
  get making(): boolean {
    return this.#making
  }

  grant(values: number, bytes: number): void {
    this.#count += values
    this.#bytes += bytes
    if (!this.#running && !this.#over) void this.#make()
  }

  async #make(): Promise<void> {
    const { values, sink, soon } = this.#options
    this.#running = true
    try {
      const iterator = (this.#iterator ??= values[Symbol.asyncIterator]())
      for (let made = 1; this.#count > 0 && this.#bytes > 0; made++) {
        this.#making = true
        const result = await iterator.next()
        this.#making = false
        if (this.#over) return
        if (result.done === true) {
          this.#over = true
          return sink.end()
        }
        this.#count--
        this.#bytes -= sink.value(result.value)
        if (this.#over) return
        // However much is asked for, others get their turn.
        if (made % LONG_TURN === 0) await new Promise<void>((resolve) => soon(resolve))
        if (this.#over) return
      }
      this.#running = false
    } catch (error) {
      if (this.#over) return
      this.#over = true
      sink.fail(error)
    }
  }

  /** Nobody wants more: whatever the values come from may clean up. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    const iterator = this.#iterator
    new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {})
  }
}
