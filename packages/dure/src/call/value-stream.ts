import type { Issue } from '../contract/contract.ts'
import type { Parsed, Parser } from '../contract/internal.ts'
import type { CancelReason } from './cancellation.ts'

/** What was thrown: also `undefined` can be. */
export type Failure = { readonly error: unknown }

type Values = AsyncIterator<unknown> | Iterator<unknown>

/** Where the values of a stream come from, and who hears of its end. */
export type ValueSource = {
  /** Called when the first value is asked for; undefined when the stream has been stopped meanwhile. */
  readonly open: () => Values | undefined | Promise<Values | undefined>
  /** Undefined: values pass as they are. */
  readonly parse?: Parser | undefined
  /** What whoever asks is told of a value that does not match, of what was thrown, and at the end of the values. */
  readonly refused?: (issues: readonly Issue[]) => unknown
  readonly failed?: (thrown: unknown, from: 'source' | 'parser') => unknown
  readonly ended?: () => Failure | undefined
  /** Told once of a stream that was opened; `stopped` says why when its source has not come to its end. */
  readonly over?: (failure: Failure | undefined, stopped: CancelReason | undefined) => void
}

/**
 * One place of a stream on its way from its maker to whoever takes it. Values are taken from the source one at a time and
 * only for somebody who asks, in order. It is `idle` until the first is asked for, then `open`, then `over`: at the end of its
 * source, when that fails, when its consumer has seen enough (`return`), or when it is stopped from outside.
 */
export class ValueStream implements AsyncIterableIterator<unknown> {
  state: 'idle' | 'open' | 'over' = 'idle'
  readonly #source: ValueSource
  readonly #asked = new Asked()
  #values: Values | undefined = undefined

  constructor(source: ValueSource) {
    this.#source = source
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#asked.next(this.#pull)
  }

  /** The consumer has seen enough. */
  return(): Promise<IteratorResult<unknown>> {
    this.stop(undefined, 'caller')
    return this.#asked.end(undefined)
  }

  stop(failure: Failure | undefined, reason: CancelReason): void {
    this.#end(failure, reason)
  }

  readonly #pull = (): void => {
    if (this.state === 'over') return
    try {
      if (this.#values !== undefined) return this.#take(this.#values)
      this.state = 'open'
      const opened = this.#source.open()
      if (opened instanceof Promise) opened.then(this.#opened, this.#lost)
      else this.#opened(opened)
    } catch (thrown) {
      this.#lost(thrown)
    }
  }

  readonly #opened = (values: Values | undefined): void => {
    this.#values = values
    if (values === undefined) return
    if (this.#isOver()) this.#letGo()
    else this.#pull()
  }

  #take(values: Values): void {
    const result = values.next()
    if (result instanceof Promise) result.then(this.#took, this.#lost)
    else if ('then' in result) Promise.resolve(result).then(this.#took, this.#lost)
    else this.#took(result)
  }

  readonly #took = (result: IteratorResult<unknown>): void => {
    if (this.#isOver()) return
    try {
      if (result.done === true) return this.#end(this.#source.ended?.(), undefined)
      const { parse } = this.#source
      if (parse === undefined) return this.#asked.answer(result.value)
      const parsed = parse(result.value)
      if (parsed instanceof Promise) parsed.then(this.#parsed, this.#unparsed)
      else this.#parsed(parsed)
    } catch (thrown) {
      this.#unparsed(thrown)
    }
  }

  readonly #parsed = (parsed: Parsed): void => {
    if (this.#isOver()) return
    if (parsed.ok) return this.#asked.answer(parsed.value)
    this.#end({ error: this.#source.refused?.(parsed.issues) }, undefined)
    this.#letGo()
  }

  readonly #lost = (thrown: unknown): void => this.#fail(thrown, 'source')
  readonly #unparsed = (thrown: unknown): void => this.#fail(thrown, 'parser')

  #fail(thrown: unknown, from: 'source' | 'parser'): void {
    if (this.#isOver()) return
    const { failed } = this.#source
    this.#end({ error: failed === undefined ? thrown : failed(thrown, from) }, undefined)
    this.#letGo()
  }

  #end(failure: Failure | undefined, stopped: CancelReason | undefined): void {
    if (this.state === 'over') return
    const opened = this.state === 'open'
    this.state = 'over'
    if (opened) this.#source.over?.(failure, stopped)
    void this.#asked.end(failure)
    if (stopped !== undefined) this.#letGo()
  }

  /** It may have come to its end while something of it was waited for. */
  #isOver(): boolean {
    return this.state === 'over'
  }

  /** The source may clean up; one that hangs there or throws hurts nobody. */
  #letGo(): void {
    const values = this.#values
    new Promise((resolve) => resolve(values?.return?.())).catch(() => {})
  }
}

type Asker = { readonly resolve: (result: IteratorResult<unknown>) => void; readonly reject: (error: unknown) => void }

const DONE: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined })

/** Those who wait for the next values of a stream, in order, and how it ended. */
export class Asked {
  readonly #askers: Asker[] = []
  #pull: (() => void) | undefined = undefined
  #over = false
  /** Ended while nobody asked: told to whoever asks next, once. */
  #failure: Failure | undefined = undefined

  get size(): number {
    return this.#askers.length
  }

  /** @param pull makes one value, or the end, for whoever asks: called for one of them at a time */
  next(pull: () => void): Promise<IteratorResult<unknown>> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error as Error)
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
  end(failure: Failure | undefined): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#over = true
      const askers = this.#askers.splice(0)
      if (failure !== undefined && askers.length === 0) this.#failure = failure
      if (failure !== undefined) askers.shift()?.reject(failure.error)
      for (const { resolve } of askers) resolve(DONE)
    }
    return Promise.resolve(DONE)
  }
}
