import { CallError } from '../contract/contract.ts'
import type { CallerCancellation } from './cancellation.ts'

/** What the caller of a channel sends, as the way to its callee reads it. */
export class CallerValues implements AsyncIterableIterator<unknown> {
  /** What the source has thrown. */
  failure: { readonly error: unknown } | undefined = undefined
  readonly #place: string
  readonly #source: AsyncIterable<unknown> | Iterable<unknown>
  #iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined = undefined
  #over = false

  constructor(place: string, source: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#place = place
    this.#source = source
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return DONE
    try {
      const result = await (this.#iterator ??= iteratorOf(this.#source)).next()
      if (result.done !== true) return { done: false, value: result.value }
    } catch (error) {
      // The callee comes to it after the values before; what it was is its caller's own.
      this.#over = true
      this.failure = { error }
      throw new CallError('CANCELLED', `Call to ${this.#place} was ended: what its caller sends has failed`)
    }
    this.#over = true
    return DONE
  }

  async return(): Promise<IteratorResult<unknown>> {
    if (this.#over) return DONE
    this.#over = true
    await this.#iterator?.return?.()
    return DONE
  }
}

const DONE: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined })

function iteratorOf(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** The caller's end of a stream that has something to see to as well: its span, its caller's signal, what its caller sends. */
export class CallerStream implements AsyncIterator<unknown> {
  readonly #values: AsyncIterable<unknown>
  readonly #cancellation: CallerCancellation | undefined
  readonly #begin: (() => (error: unknown) => void) | undefined
  readonly #sent: CallerValues | undefined
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #tell: ((error: unknown) => void) | undefined = undefined
  #over = false

  /** @param options `begin` is called with the first value that is asked for, and what it answers at the end, with the failure */
  constructor(options: {
    values: AsyncIterable<unknown>
    cancellation: CallerCancellation | undefined
    begin: (() => (error: unknown) => void) | undefined
    sent: CallerValues | undefined
  }) {
    this.#values = options.values
    this.#cancellation = options.cancellation
    this.#begin = options.begin
    this.#sent = options.sent
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return DONE
    this.#cancellation?.begin()
    try {
      const result = await this.#open().next()
      if (result.done !== true) return result
      // Whatever the callee made of it, its caller hears of its own failure.
      const failure = this.#sent?.failure
      if (failure !== undefined) throw failure.error
      this.#end(undefined)
      return result
    } catch (thrown) {
      const failure = this.#sent?.failure
      const error = failure !== undefined && (thrown as CallError).code === 'CANCELLED' ? failure.error : thrown
      this.#end(error)
      throw error
    } finally {
      this.#cancellation?.end()
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#end(undefined)
    await this.#iterator?.return?.()
    return DONE
  }

  #open(): AsyncIterator<unknown> {
    if (this.#iterator === undefined) {
      this.#tell = this.#begin?.()
      this.#iterator = this.#values[Symbol.asyncIterator]()
    }
    return this.#iterator
  }

  #end(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#tell?.(error)
  }
}
