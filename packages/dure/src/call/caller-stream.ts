import type { CallerCancellation } from './cancellation.ts'

/** The caller's end of a stream that has something to see to as well: its span, and the signal that its caller gave. */
export class CallerStream implements AsyncIterator<unknown> {
  readonly #values: AsyncIterable<unknown>
  readonly #cancellation: CallerCancellation | undefined
  readonly #begin: (() => (error: unknown) => void) | undefined
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #tell: ((error: unknown) => void) | undefined = undefined
  #over = false

  /** @param options `begin` is called with the first value that is asked for, and what it answers at the end, with the failure */
  constructor(options: {
    values: AsyncIterable<unknown>
    cancellation: CallerCancellation | undefined
    begin: (() => (error: unknown) => void) | undefined
  }) {
    this.#values = options.values
    this.#cancellation = options.cancellation
    this.#begin = options.begin
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return { done: true, value: undefined }
    this.#cancellation?.begin()
    try {
      const result = await this.#open().next()
      if (result.done === true) this.#end(undefined)
      return result
    } catch (error) {
      this.#end(error)
      throw error
    } finally {
      this.#cancellation?.end()
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#end(undefined)
    await this.#iterator?.return?.()
    return { done: true, value: undefined }
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
