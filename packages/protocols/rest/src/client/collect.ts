import type { IncomingHttpHeaders } from 'node:http'
import { CallError } from 'dure/contract'

/** An answer as it came. */
export type Collected = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly type: string
  readonly body: Buffer
}

/** Takes the bytes of one answer, so many at most. */
export class Collector {
  readonly #place: string
  readonly #limit: number
  #chunks: Buffer[] = []
  #size = 0
  #status = 0
  #headers: IncomingHttpHeaders = {}

  constructor(place: string, limit: number) {
    this.#place = place
    this.#limit = limit
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  /** @returns why no more of it is read */
  add(chunk: Buffer): CallError | undefined {
    this.#size += chunk.length
    if (this.#size > this.#limit)
      return new CallError(
        'RESOURCE_EXHAUSTED',
        `Call to ${this.#place} failed: its answer is larger than ${this.#limit} bytes; ask for less, or raise the limit "answer"`,
      )
    this.#chunks.push(chunk)
    return undefined
  }

  get isEncoded(): boolean {
    const encoding = this.#headers['content-encoding']
    return typeof encoding === 'string' && encoding.toLowerCase() !== 'identity'
  }

  whole(): Collected {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    return { status: this.#status, headers: this.#headers, type: this.#headers['content-type'] ?? '', body }
  }
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300
