type Asker = { readonly resolve: (result: IteratorResult<unknown>) => void; readonly reject: (error: Error) => void }

const DONE: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined })

/** Those who wait for the next values of an iterator, in order, and how it ended. */
export class Asked {
  readonly #askers: Asker[] = []
  #pull: (() => void) | undefined = undefined
  #over = false
  /** Ended while nobody asked: told to whoever asks next, once. */
  #error: Error | undefined = undefined

  get size(): number {
    return this.#askers.length
  }

  /** @param pull makes one value, or the end, for whoever asks: called for one of them at a time */
  next(pull: () => void): Promise<IteratorResult<unknown>> {
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#over) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#pull = pull
      if (this.#askers.push({ resolve, reject }) === 1) pull()
    })
  }

  answer(value: unknown): void {
    this.#askers.shift()?.resolve({ done: false, value })
    if (this.#askers.length > 0) this.#pull?.()
  }

  /** Whoever asked first hears of the failure; others, and all of them at a good end, that there is no more. */
  end(error: Error | undefined): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#over = true
      const askers = this.#askers.splice(0)
      if (error !== undefined && askers.length === 0) this.#error = error
      if (error !== undefined) askers.shift()?.reject(error)
      for (const { resolve } of askers) resolve(DONE)
    }
    return Promise.resolve(DONE)
  }
}
