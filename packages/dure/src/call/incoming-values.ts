import type { Issue } from '../contract/contract.ts'
import type { Parsed, Parser } from '../contract/internal.ts'
import { Asked } from './asked.ts'

/** What the caller of a channel sends, as its handler sees it: each value parsed and isolated, none once the call is over. */
export class IncomingValues implements AsyncIterableIterator<unknown> {
  /** Why its caller sends no more: the handler has heard of it, and the call ends with it whatever the handler makes of that. */
  failure: Error | undefined = undefined
  readonly #values: AsyncIterable<unknown> | undefined
  readonly #parse: Parser
  readonly #refusal: (issues: readonly Issue[]) => Error
  readonly #fault: (thrown: unknown) => Error
  readonly #lost: (thrown: unknown) => Error
  readonly #asked = new Asked()
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #over = false

  constructor(options: {
    values: AsyncIterable<unknown> | undefined
    parse: Parser
    /** The failure when a value does not match its contract, when its schema throws, and when the caller can send no more. */
    refusal: (issues: readonly Issue[]) => Error
    fault: (thrown: unknown) => Error
    lost: (thrown: unknown) => Error
  }) {
    this.#values = options.values
    this.#parse = options.parse
    this.#refusal = options.refusal
    this.#fault = options.fault
    this.#lost = options.lost
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#asked.next(this.#pull)
  }

  /** The handler has seen enough, and may go on answering. */
  return(): Promise<IteratorResult<unknown>> {
    this.end(undefined)
    return this.#asked.end(undefined)
  }

  /** No more values for the handler, and none wanted of the caller. */
  end(error: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    void this.#asked.end(error)
    const iterator = this.#iterator
    new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {})
  }

  readonly #pull = (): void => {
    try {
      const iterator = (this.#iterator ??= this.#values?.[Symbol.asyncIterator]())
      if (iterator === undefined) this.end(undefined)
      else iterator.next().then(this.#came, this.#onLost)
    } catch (thrown) {
      this.#onLost(thrown)
    }
  }

  readonly #came = (result: IteratorResult<unknown>): void => {
    if (this.#over) return
    try {
      if (result.done === true) return this.end(undefined)
      const parsed = this.#parse(result.value)
      if (parsed instanceof Promise) parsed.then(this.#parsed, this.#onFault)
      else this.#parsed(parsed)
    } catch (thrown) {
      this.#onFault(thrown)
    }
  }

  readonly #parsed = (parsed: Parsed): void => {
    if (this.#over) return
    if (parsed.ok) this.#asked.answer(parsed.value)
    else this.#fail(this.#refusal(parsed.issues))
  }

  readonly #onFault = (thrown: unknown): void => {
    if (!this.#over) this.#fail(this.#fault(thrown))
  }

  readonly #onLost = (thrown: unknown): void => {
    if (!this.#over) this.#fail(this.#lost(thrown))
  }

  #fail(error: Error): void {
    this.failure = error
    this.end(error)
  }
}
