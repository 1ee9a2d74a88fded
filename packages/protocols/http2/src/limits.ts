import { completeNumbers, COUNT, WAIT, type Range } from 'dure/runtime/internal'

/** What one connection may hold and ask for. Sizes in bytes, times in milliseconds. */
export type Http2Limits = {
  /** Streams open at once; one more is answered REFUSED_STREAM. Default 128. */
  readonly streams: number
  /** Names and values of one request or of its trailers, 32 more for each (RFC 9113, section 6.5.2); more is answered with 431. Default 16,384. */
  readonly headerList: number
  /** What a client may send on one stream before it is taken. Default 262,144. */
  readonly window: number
  /** The same on all streams of a connection. Default 4,194,304. */
  readonly connectionWindow: number
  /** Written, and not yet taken by the socket: from here on streams wait, and above it nothing more is read. Default 262,144. */
  readonly backlog: number
  /**
   * What costs the server more than the client (streams reset or refused, pings, settings, empty frames, frames on closed
   * streams): so many at once … Default 1,000. Beyond it the connection ends with ENHANCE_YOUR_CALM.
   */
  readonly burst: number
  /** … and so many more a second. Default 100. */
  readonly perSecond: number
  /** For the preface, and for a list of headers once it has begun. Default 10,000. */
  readonly headTimeout: number
  /** For a client that takes nothing of what is written: the stream, or the connection, is given up. Default 60,000. */
  readonly stallTimeout: number
  /** Without a stream the connection is taken leave of. Default 600,000. */
  readonly idleTimeout: number
  /** Without a byte from the client it is asked by a PING whether it is still there; as long again without one it is not. Default 60,000. */
  readonly silence: number
}

const DEFAULTS: Http2Limits = {
  streams: 128,
  headerList: 16_384,
  window: 262_144,
  connectionWindow: 4_194_304,
  backlog: 262_144,
  burst: 1_000,
  perSecond: 100,
  headTimeout: 10_000,
  stallTimeout: 60_000,
  idleTimeout: 600_000,
  silence: 60_000,
}

/** Every client may send this much until it has read our settings, so that less cannot be asked for. */
const WINDOW: Range = { least: 65_535, most: 2_147_483_647, whole: true, unit: 'bytes' }

/** @throws {TypeError} when one of them cannot be used */
export function completeLimits(given: Partial<Http2Limits>): Http2Limits {
  return completeNumbers('serve HTTP/2', DEFAULTS, given, {
    streams: COUNT,
    headerList: COUNT,
    window: WINDOW,
    connectionWindow: WINDOW,
    backlog: COUNT,
    burst: COUNT,
    perSecond: COUNT,
    headTimeout: WAIT,
    stallTimeout: WAIT,
    idleTimeout: WAIT,
    silence: WAIT,
  })
}
