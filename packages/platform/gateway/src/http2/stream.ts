import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { AnswerReader } from './answer-reader.ts'
import type { RequestHead } from './request-head.ts'

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants

/** One request and its answer on a stream of HTTP/2, read and written as text of HTTP/1.1: to a client it is a connection. */
export class StreamConnection extends Duplex {
  readonly remoteAddress: string | undefined
  readonly localPort: number | undefined
  readonly #stream: ServerHttp2Stream
  readonly #answer: AnswerReader
  readonly #chunked: boolean
  #trailers = ''
  #requestEnded: boolean
  /** Waits until the stream takes more. */
  #waiting: (() => void) | undefined = undefined

  constructor(
    stream: ServerHttp2Stream,
    head: RequestHead & { readonly ended: boolean },
    at: { readonly remoteAddress?: string | undefined; readonly localPort?: number | undefined },
  ) {
    super()
    this.remoteAddress = at.remoteAddress
    this.localPort = at.localPort
    this.#stream = stream
    this.#chunked = head.chunked
    this.#requestEnded = head.ended
    this.#answer = new AnswerReader(head.method, {
      informed: (headers) => this.#inform(headers),
      begun: (headers, waitForTrailers) => this.#begin(headers, waitForTrailers),
      part: (bytes) => !stream.writable || stream.write(bytes),
      ended: (trailers) => this.#end(trailers),
    })
    this.push(Buffer.from(head.text, 'latin1'))
    stream.on('error', () => {})
    stream.on('close', () => this.destroy())
    stream.on('aborted', () => this.destroy())
    stream.on('drain', () => this.#goOn())
    if (head.ended) stream.resume()
    else {
      stream.on('data', (bytes: Buffer) => this.#take(bytes))
      stream.on('trailers', (_headers: unknown, _flags: unknown, raw: unknown) => this.#takeTrailers(raw as readonly string[]))
      stream.on('end', () => this.#takeEnd())
      stream.pause()
    }
  }

  destroySoon(): void {
    if (!this.writableEnded) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  // What the client sends.

  override _read(): void {
    this.#stream.resume()
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return
    const more = this.#chunked
      ? this.push(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'), bytes, CRLF]))
      : this.push(bytes)
    if (!more) this.#stream.pause()
  }

  #takeTrailers(raw: readonly string[]): void {
    for (let i = 0; i < raw.length; i += 2) this.#trailers += `${raw[i]}: ${raw[i + 1]}\r\n`
  }

  /** The end of the request is none of the connection, which to its client would mean that nobody waits. */
  #takeEnd(): void {
    this.#requestEnded = true
    // What comes behind a body of a length that was said has no place in HTTP/1.1.
    if (this.#chunked) this.push(Buffer.from(`0\r\n${this.#trailers}\r\n`, 'latin1'))
  }

  // What it is answered.

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const more = this.#answer.read(bytes)
    if (more || !this.#stream.writable) done()
    else this.#waiting = done
  }

  #goOn(): void {
    const done = this.#waiting
    this.#waiting = undefined
    done?.()
  }

  #inform(headers: OutgoingHttpHeaders): void {
    if (!this.#stream.headersSent && !this.#stream.closed) this.#stream.additionalHeaders(headers)
  }

  #begin(headers: OutgoingHttpHeaders, waitForTrailers: boolean): void {
    if (!this.#stream.closed && !this.#stream.destroyed) this.#stream.respond(headers, { waitForTrailers })
  }

  #end(trailers: OutgoingHttpHeaders | undefined): void {
    const stream = this.#stream
    if (trailers !== undefined) stream.once('wantTrailers', () => stream.sendTrailers(trailers))
    if (stream.writable) stream.end()
  }

  override _final(done: (error?: Error | null) => void): void {
    const stream = this.#stream
    if (!this.#answer.done) return void this.destroy()
    // Whoever is answered before all was sent need not send the rest: RFC 9113, section 8.1.
    const finished = (): void => {
      if (!this.#requestEnded && !stream.closed) stream.close(NGHTTP2_NO_ERROR)
      done()
    }
    if (stream.writableFinished || stream.destroyed) finished()
    else stream.once('finish', finished)
  }

  /** A part of an answer must not look like all of it. */
  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    const stream = this.#stream
    if (!stream.closed && !stream.destroyed && !(this.#answer.done && stream.writableFinished))
      stream.close(NGHTTP2_INTERNAL_ERROR)
    done(null)
  }
}

const CRLF = Buffer.from('\r\n', 'latin1')
