import type { Head } from '../wire/wire.ts'
import { ownBody, ownHead, type Answer } from './answer.ts'
import { sizeOf } from './copy.ts'
import { answerHead, type Framing } from './forward.ts'
import type { Edits } from './edits.ts'
import type { Outflow } from './outflow.ts'

/** Up to so many bytes are written as text, which is faster. */
const SHORT = 4_096

/** Writes an upstream's answer to its client: its head together with what of its body is there. */
export class AnswerWriter {
  framing: Framing = 'as it came'
  /** Bytes of bodies. */
  bytes = 0
  #pending = ''
  readonly #outflow: Outflow

  constructor(outflow: Outflow) {
    this.#outflow = outflow
  }

  reset(): void {
    this.framing = 'as it came'
    this.bytes = 0
    this.#pending = ''
  }

  /** How the body is told its end. @param old the client knows no chunks */
  frame(head: Head, empty: boolean, old: boolean): void {
    if (empty) this.framing = 'as it came'
    else if (head.chunked) this.framing = old ? 'until the end' : 'as it came'
    else if (head.length === -1) this.framing = old ? 'until the end' : 'chunked'
  }

  /** What of it is passed through stages, whose length nobody knows. */
  reframe(old: boolean): void {
    this.framing = old ? 'until the end' : 'chunked'
  }

  begin(head: Head, edits: Edits | undefined, more: string): void {
    this.#pending = answerHead(head, { framing: this.framing, edits, more })
  }

  /** An answer of the gateway's own. */
  own(answer: Answer, more: string, method: string): void {
    const head = ownHead(answer, 'length', more)
    const body = ownBody(answer, method)
    if (typeof body === 'object') {
      this.bytes += body.length
      this.#outflow.write(head)
      this.#outflow.write(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
      return
    }
    // What was written as text travels as UTF-8.
    const text = body === undefined ? '' : Buffer.from(body, 'utf8').toString('latin1')
    this.bytes += text.length
    this.#outflow.write(head + text)
  }

  /** The same, when its body is to be passed through stages. */
  beginOwn(answer: Answer, more: string, old: boolean): void {
    this.reframe(old)
    this.#pending = ownHead(answer, old ? 'until the end' : 'chunked', more)
  }

  /** Whether nothing of it has been written, so that another one can be. */
  withdraw(): boolean {
    if (this.#pending === '') return false
    this.#pending = ''
    return true
  }

  /** True: no more for now. */
  part(bytes: Buffer, ranges: readonly number[], last: string): boolean {
    const size = sizeOf(ranges) + last.length
    this.bytes += size
    let before = this.#pending
    this.#pending = ''
    let after = last
    if (this.framing === 'chunked' && size > 0) {
      before += `${size.toString(16)}\r\n`
      after = '\r\n'
    }
    if (before.length + size + after.length === 0) return false
    if (size > SHORT) return this.#outflow.copy(bytes, ranges, before, after)
    let text = before
    for (let i = 0; i < ranges.length; i += 2) text += bytes.toString('latin1', ranges[i], ranges[i + 1])
    return this.#outflow.write(text + after)
  }

  flush(): void {
    if (this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    this.#outflow.write(text)
  }

  end(): void {
    this.flush()
    if (this.framing === 'chunked') this.#outflow.write('0\r\n\r\n')
  }
}
