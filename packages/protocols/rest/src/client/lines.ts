import { CallError } from 'dure/contract'
import { isObject } from 'dure/door/internal'
import { readJson, type answerReader } from './answer.ts'
import { Collector, isSuccess, type Collected } from './collect.ts'
import type { Exchange, Receiver } from './exchange.ts'
import { brokenOff, type failureReader } from './failure.ts'

type Options = {
  readonly place: string
  readonly limit: number
  readonly readItem: ReturnType<typeof answerReader>
  readonly readFailure: ReturnType<typeof failureReader>
  /** Of an answer that is no stream: what its caller is told. */
  readonly refused: (answer: Collected) => Error | Promise<Error>
  /** Sends the request, for whoever receives its answer. */
  readonly open: (to: Receiver) => Exchange | Error
  /** What its caller is told when the connection fails. */
  readonly lost: (error: Error, sent: boolean) => Error
}

/** Bytes of lines that wait for whoever reads them; more are left on the connection. */
const WINDOW = 64 * 1024
const NEWLINE = 10

/** The values of a stream, one a line (NDJSON), asked for one at a time. */
export class LineStream implements AsyncIterator<unknown>, Receiver {
  readonly #options: Options
  readonly #refusal: Collector
  #exchange: Exchange | undefined = undefined
  #streaming = false
  /** Whole lines, and the beginning of the next. */
  #lines: Buffer[] = []
  #part: Buffer[] = []
  #partSize = 0
  #waiting = 0
  #paused = false
  #done = false
  #failure: Error | undefined = undefined
  #wake: (() => void) | undefined = undefined

  constructor(options: Options) {
    this.#options = options
    this.#refusal = new Collector(options.place, options.limit)
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#exchange === undefined && !this.#done) {
      const opened = this.#options.open(this)
      if (opened instanceof Error) {
        this.#done = true
        throw opened
      }
      this.#exchange = opened
    }
    for (;;) {
      const line = this.#take()
      if (line !== undefined) return { done: false, value: await this.#valueOf(line) }
      if (this.#failure !== undefined) {
        const failure = this.#failure
        this.#failure = undefined
        throw failure
      }
      if (this.#done) return { done: true, value: undefined }
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#finish()
    this.#exchange?.leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  head(status: number, headers: Parameters<Receiver['head']>[1]): void {
    this.#refusal.head(status, headers)
    this.#streaming =
      isSuccess(status) && /^application\/(?:x-)?ndjson\b/i.test(headers['content-type'] ?? '') && !this.#refusal.isEncoded
  }

  data(chunk: Buffer): void {
    if (!this.#streaming) {
      const tooLarge = this.#refusal.add(chunk)
      if (tooLarge !== undefined) this.#exchange?.fail(tooLarge)
      return
    }
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at))
      this.#close()
      from = at + 1
    }
    if (from < chunk.length) this.#add(chunk.subarray(from))
    if (this.#partSize > this.#options.limit) return this.#exchange?.fail(this.#tooLong())
    if (this.#waiting > WINDOW && !this.#paused) {
      this.#paused = true
      this.#exchange?.pause()
    }
    this.#notify()
  }

  end(): void {
    if (!this.#streaming) return this.#refuse()
    this.#close()
    this.#done = true
    this.#notify()
  }

  failed(error: Error, sent: boolean): void {
    // What has ended on this side is over at once; of what was lost on the way, all that came is read first.
    if (error instanceof CallError) this.#finish()
    this.#done = true
    this.#failure = error instanceof CallError ? error : this.#options.lost(error, sent)
    this.#notify()
  }

  #refuse(): void {
    void Promise.resolve(this.#options.refused(this.#refusal.whole())).then((error) => {
      this.#failure = error
      this.#done = true
      this.#notify()
    })
  }

  #add(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#part.push(bytes)
    this.#partSize += bytes.length
  }

  /** Empty lines say that somebody is still there. */
  #close(): void {
    if (this.#partSize === 0) return
    const line = this.#part.length === 1 ? this.#part[0]! : Buffer.concat(this.#part)
    this.#part = []
    this.#partSize = 0
    if (line.length === 1 && line[0] === 13) return
    this.#lines.push(line)
    this.#waiting += line.length
  }

  #take(): Buffer | undefined {
    const line = this.#lines.shift()
    if (line === undefined) return undefined
    this.#waiting -= line.length
    if (this.#paused && this.#waiting <= WINDOW / 2) {
      this.#paused = false
      this.#exchange?.resume()
    }
    return line
  }

  async #valueOf(line: Buffer): Promise<unknown> {
    const { place, readItem, readFailure } = this.#options
    const read = readJson(line)
    if (read.ok && isObject(read.json) && Object.hasOwn(read.json, '$problem')) {
      await this.return()
      throw await brokenOff(readFailure, read.json['$problem'])
    }
    const item = read.ok ? await readItem(read.json) : read
    if (item.ok) return item.value
    await this.return()
    throw new CallError('INTERNAL', `Call to ${place} failed: a value of its stream cannot be used: ${item.why}`)
  }

  #tooLong(): CallError {
    const { place, limit } = this.#options
    return new CallError(
      'RESOURCE_EXHAUSTED',
      `Call to ${place} failed: a value of its stream is larger than ${limit} bytes; ask for less, or raise the limit "answer"`,
    )
  }

  #finish(): void {
    this.#lines = []
    this.#part = []
    this.#partSize = 0
    this.#waiting = 0
    this.#done = true
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
