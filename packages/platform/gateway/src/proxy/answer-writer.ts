import type { Socket } from 'node:net'
import type { Head } from '../wire/wire.ts'
import { copyOf } from './copy.ts'
import { answerHead, type Framing } from './forward.ts'
import type { Edits } from './edits.ts'

/** Up to so many bytes are written as text, which is faster. */
const SHORT = 4_096

/** Writes an upstream's answer to its client: its head together with what of its body is there. */
export class AnswerWriter {
  framing: Framing = 'as it came'
  /** Bytes of bodies. */
  bytes = 0
  #pending = ''
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
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

  begin(head: Head, edits: Edits | undefined, more: string): void {
    this.#pending = answerHead(head, { framing: this.framing, edits, more })
  }

  /** Whether nothing of it has been written, so that another one can be. */
  withdraw(): boolean {
    if (this.#pending === '') return false
    this.#pending = ''
    return true
  }

  /** True: no more for now. */
  part(bytes: Buffer, ranges: readonly number[], last: string): boolean {
    let size = last.length
    for (let i = 0; i < ranges.length; i += 2) size += ranges[i + 1]! - ranges[i]!
    this.bytes += size
    let before = this.#pending
    this.#pending = ''
    let after = last
    if (this.framing === 'chunked' && size > 0) {
      before += `${size.toString(16)}\r\n`
      after = '\r\n'
    }
    if (before.length + size + after.length === 0) return false
    if (size > SHORT) return !this.#socket.write(copyOf(bytes, ranges, before, after))
    let text = before
    for (let i = 0; i < ranges.length; i += 2) text += bytes.toString('latin1', ranges[i], ranges[i + 1])
    return !this.#socket.write(text + after, 'latin1')
  }

  flush(): void {
    if (this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    this.#socket.write(text, 'latin1')
  }

  end(): void {
    this.flush()
    if (this.framing === 'chunked') this.#socket.write('0\r\n\r\n', 'latin1')
  }
}
