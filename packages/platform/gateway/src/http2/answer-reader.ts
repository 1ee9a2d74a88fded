import type { OutgoingHttpHeaders } from 'node:http2'
import {
  CODING,
  CONNECTION,
  createChunks,
  createHead,
  findHead,
  HEAD_LIMITS,
  HOP,
  isDone,
  readChunks,
  readResponse,
  resetChunks,
  STRIDE,
  UPGRADE,
  type Chunks,
  type Found,
  type Head,
} from '../wire/wire.ts'

export type Answering = {
  readonly informed: (headers: OutgoingHttpHeaders) => void
  /** @param trailers whether some may come behind the body */
  readonly begun: (headers: OutgoingHttpHeaders, trailers: boolean) => void
  /** False: no more for now. */
  readonly part: (bytes: Buffer) => boolean
  readonly ended: (trailers: OutgoingHttpHeaders | undefined) => void
}

const [HEAD, LENGTH, CHUNKED, DONE] = [0, 1, 2, 3] as const
/** Those of upstreams are bounded where they come in, and filters add to them. */
const LIMITS = { head: 4_194_304, fields: 20_000, target: HEAD_LIMITS.target }
/** Read and done with in one go, so that all share one. */
let shared: Head | undefined

/** Reads an answer as a connection of HTTP/1.1 writes it, and gives what it has for HTTP/2. */
export class AnswerReader {
  done = false
  #phase: number = HEAD
  #left = 0
  #chunks: Chunks | undefined = undefined
  readonly #found: Found = { partial: '', text: '', end: 0 }
  readonly #method: string
  readonly #to: Answering

  constructor(method: string, to: Answering) {
    this.#method = method
    this.#to = to
  }

  /** False: no more for now. */
  read(bytes: Buffer): boolean {
    let at = 0
    let more = true
    const pass = (from: number, to: number): void => {
      if (to > from) more = this.#to.part(bytes.subarray(from, to)) && more
    }
    while (at < bytes.length && this.#phase !== DONE) {
      if (this.#phase === HEAD) {
        if (findHead(this.#found, bytes, at, bytes.length, LIMITS.head) !== true) return more
        at = this.#found.end
        this.#begin(this.#found.text)
      } else if (this.#phase === LENGTH) {
        const end = Math.min(bytes.length, at + this.#left)
        this.#left -= end - at
        pass(at, end)
        at = end
        if (this.#left === 0) this.#end(undefined)
      } else {
        const chunks = this.#chunks!
        const end = readChunks(chunks, bytes, at, bytes.length)
        if (typeof end === 'object') return more
        for (let i = 0; i < chunks.data.length; i += 2) pass(chunks.data[i]!, chunks.data[i + 1]!)
        at = end
        if (isDone(chunks)) this.#end(trailersOf(chunks.last))
      }
    }
    return more
  }

  #begin(text: string): void {
    const head = (shared ??= createHead(LIMITS))
    // What is written here was read from an upstream as strictly, or is the gateway's own.
    if (readResponse(head, text) !== undefined) return
    const { status, length, chunked } = head
    if (status < 200) return this.#to.informed(headersOf(head))
    const empty = this.#method === 'HEAD' || status === 204 || status === 304 || (!chunked && length <= 0)
    this.#to.begun(headersOf(head), chunked && !empty)
    if (empty) return this.#end(undefined)
    this.#phase = chunked ? CHUNKED : LENGTH
    this.#left = length
    if (chunked) resetChunks((this.#chunks = createChunks(LIMITS)), 502)
  }

  #end(trailers: OutgoingHttpHeaders | undefined): void {
    this.#phase = DONE
    this.done = true
    this.#to.ended(trailers)
  }
}

function headersOf({ text, spans, count, status }: Head): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ':status': status }
  for (let at = 0; at < count * STRIDE; at += STRIDE) {
    const kind = spans[at]
    // How a message of HTTP/1.1 travels.
    if (kind === CONNECTION || kind === HOP || kind === UPGRADE || kind === CODING) continue
    add(headers, text.slice(spans[at + 1], spans[at + 2]), text.slice(spans[at + 3], spans[at + 4]))
  }
  return headers
}

function add(headers: OutgoingHttpHeaders, name: string, value: string): void {
  const key = name.toLowerCase()
  const before = headers[key]
  if (before === undefined) headers[key] = value
  else headers[key] = [...(Array.isArray(before) ? before : [String(before)]), value]
}

/** What stands behind the last chunk. */
function trailersOf(last: string): OutgoingHttpHeaders | undefined {
  const lines = last.split('\r\n').slice(1, -2)
  const trailers: OutgoingHttpHeaders = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    add(trailers, line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return trailers
}
