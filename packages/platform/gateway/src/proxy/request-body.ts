import {
  createChunks,
  isDone,
  readChunks,
  resetChunks,
  type Chunks,
  type Fault,
  type Head,
  type HeadLimits,
} from '../wire/wire.ts'
import { copyOf } from './copy.ts'

/** The body of the request under way: where it ends, what of it is passed on, and what is kept of it for another try. */
export class RequestBody {
  /** Copies of what has come so far; undefined: nothing yet, or too much to be kept. */
  parts: Buffer[] | undefined = undefined
  /** Bytes that came, those of chunk sizes and trailers among them. */
  came = 0
  #passed = 0
  #left = 0
  #chunked = false
  #chunks: Chunks | undefined = undefined
  readonly #limits: HeadLimits & { readonly replay: number }

  constructor(limits: HeadLimits & { readonly replay: number }) {
    this.#limits = limits
  }

  begin({ length, chunked }: Head): void {
    this.parts = undefined
    this.came = this.#passed = 0
    this.#left = Math.max(0, length)
    this.#chunked = chunked
    if (chunked) resetChunks((this.#chunks ??= createChunks(this.#limits)), 400)
  }

  ended(): boolean {
    return this.#chunked ? isDone(this.#chunks!) : this.#left === 0
  }

  /** Whether all that was passed on can be passed on again. */
  isWhole(): boolean {
    return this.#passed === 0 || this.parts !== undefined
  }

  /** Nobody will want it again. */
  forget(): void {
    this.parts = undefined
  }

  /** Reads on, and gives what is to be passed on; where it ended, or what is wrong. */
  read(bytes: Buffer, from: number, to: number, pass: (part: Buffer) => void): number | Fault {
    if (!this.#chunked) {
      const end = Math.min(to, from + this.#left)
      this.#left -= end - from
      this.#take(end - from, copyOf(bytes, [from, end]), pass)
      return end
    }
    const chunks = this.#chunks!
    const end = readChunks(chunks, bytes, from, to)
    if (typeof end === 'object') return end
    this.#take(end - from, copyOf(bytes, chunks.raw, '', isDone(chunks) ? chunks.last : ''), pass)
    return end
  }

  #take(size: number, part: Buffer, pass: (part: Buffer) => void): void {
    this.came += size
    if (part.length === 0) return
    const whole = this.isWhole()
    this.#passed += part.length
    if (!whole || this.#passed > this.#limits.replay) this.parts = undefined
    else (this.parts ??= []).push(part)
    pass(part)
  }
}
