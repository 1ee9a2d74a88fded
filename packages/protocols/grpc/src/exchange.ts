/** One call of gRPC on a stream of HTTP/2, whatever it is for: what its head says, messages that go out, and the status at its end. */
import type { Http2Headers, Http2Stream } from '@dure/http2'
import { CallError } from 'dure/contract'
import { framed } from './framing.ts'

const CONTENT = /^application\/grpc(?:\+proto)?(?:;|$)/
const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }

// Made once: a connection remembers how what is the same is written.
const STATUS = [':status', '200'] as const
const TYPE = ['content-type', 'application/grpc'] as const
const TAKES = ['grpc-accept-encoding', 'identity,gzip'] as const
const GZIP = ['grpc-encoding', 'gzip'] as const
const HEAD: Http2Headers = [STATUS, TYPE, TAKES]
const HEAD_GZIP: Http2Headers = [STATUS, TYPE, TAKES, GZIP]
const OK: Http2Headers = [['grpc-status', '0']]

export class Exchange {
  readonly stream: Http2Stream
  /** How messages of the request are compressed; `identity` or `gzip`. */
  readonly encoding: string | undefined
  readonly #metadata: Http2Headers | undefined
  readonly #gzip: boolean
  #begun = false

  /** @param metadata of this call alone, that goes before the first message */
  constructor(stream: Http2Stream, metadata?: Http2Headers) {
    const { headers } = stream
    this.stream = stream
    this.#metadata = metadata
    this.encoding = headers.get('grpc-encoding')
    // As the client does it, where it can read it: whoever does not compress has reasons, or none to wait for it.
    this.#gzip = this.encoding === 'gzip' && (headers.get('grpc-accept-encoding') ?? '').includes('gzip')
  }

  /** Sends a message, which has `PREFIX` bytes free before it. @returns false: it waits for the client */
  send(message: Buffer): boolean {
    const { stream } = this
    if (stream.closed) return true
    if (!this.#begun) {
      this.#begun = true
      stream.respond(this.#head, { own: this.#metadata })
    }
    return stream.write(framed(message, this.#gzip))
  }

  /** Ends the call; without trailers all is well. Once. */
  end(trailers: Http2Headers = OK): void {
    const { stream } = this
    if (stream.closed) return
    if (this.#begun) return stream.end(trailers)
    this.#begun = true
    stream.respond(this.#head, { own: [...(this.#metadata ?? []), ...trailers], end: true })
  }

  get #head(): Http2Headers {
    return this.#gzip ? HEAD_GZIP : HEAD
  }
}

/** Why a request is none of gRPC, as the status of HTTP that says so; undefined when it is one. */
export function strangerOf({ headers }: Http2Stream): number | undefined {
  if (headers.get(':method') !== 'POST') return 405
  return CONTENT.test(headers.get('content-type') ?? '') ? undefined : 415
}

/** Milliseconds that a client gives a call, upwards; undefined: it says nothing. @throws {CallError} INVALID_ARGUMENT */
export function timeoutOf(given: string | undefined, longest: number): number | undefined {
  if (given === undefined) return undefined
  const [, amount, unit] = TIMEOUT.exec(given) ?? []
  if (amount === undefined)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot use grpc-timeout: "${given.slice(0, 40)}" is not up to eight digits and one of H, M, S, m, u, n`,
    )
  return Math.min(Math.max(1, Math.ceil(Number(amount) * MS[unit!]!)), longest)
}

/** @throws {CallError} UNIMPLEMENTED when messages are compressed in a way that is not known */
export function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined || encoding === 'identity' || encoding === 'gzip') return
  throw new CallError(
    'UNIMPLEMENTED',
    `Cannot read messages that are compressed with "${encoding.slice(0, 40)}"; use gzip, or identity`,
  )
}
