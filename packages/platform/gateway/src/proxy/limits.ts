import { BYTES, checkNumbers, completeNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import { HEAD_LIMITS } from '../wire/wire.ts'

/** What bounds a gateway. All times in milliseconds, all sizes in bytes. */
export type Limits = {
  /** Of the first line and all fields of a message. Default 16 KiB. */
  readonly head: number
  /** Fields of a message. Default 100. */
  readonly fields: number
  /** Characters of a target. Default 8 KiB. */
  readonly target: number
  /** Connections of clients at once. Default 10,000. */
  readonly connections: number
  /** Connections to one instance at once; a request for which there is none is refused. Default 1,024. */
  readonly upstreamConnections: number
  /** In which the TLS handshake of a connection must be over. Default 10,000. */
  readonly handshakeTimeout: number
  /** TLS handshakes under way at once; who comes when there are as many is turned away. Default 1,000. */
  readonly handshakes: number
  /** Requests under way on one connection of HTTP/2. Default 100. */
  readonly streams: number
  /** In which the head of a request must be there, once it has begun. Default 10,000. */
  readonly headTimeout: number
  /** In which all of a request must be there. Default 300,000. */
  readonly requestTimeout: number
  /** For which a connection may be idle between two requests. Default 60,000. */
  readonly idleTimeout: number
  /** For which nothing may move of a body that is under way: whoever sends slowly, or takes slowly, is cut off. Default 30,000. */
  readonly stallTimeout: number
  /** The same of event streams, and of connections that have become another protocol's. Default 3,600,000. */
  readonly streamTimeout: number
  /** In which an instance must take a connection. Default 2,000. */
  readonly connectTimeout: number
  /** For which a connection to an instance is kept for the next request: less than any server keeps it. Default 4,000. */
  readonly upstreamIdleTimeout: number
  /** Of a body that is kept while it may have to be sent again. Default 64 KiB. */
  readonly replay: number
  /** For which requests under way are waited for when the gateway closes. Default 10,000. */
  readonly drain: number
}

export const LIMITS: Limits = {
  ...HEAD_LIMITS,
  connections: 10_000,
  upstreamConnections: 1_024,
  handshakeTimeout: 10_000,
  handshakes: 1_000,
  streams: 100,
  headTimeout: 10_000,
  requestTimeout: 300_000,
  idleTimeout: 60_000,
  stallTimeout: 30_000,
  streamTimeout: 3_600_000,
  connectTimeout: 2_000,
  upstreamIdleTimeout: 4_000,
  replay: 65_536,
  drain: 10_000,
}

const NUMBERS: Ranges<Limits> = {
  ...{
    head: { ...BYTES, least: 256, most: 1_048_576 },
    fields: { ...COUNT, most: 10_000 },
    target: { ...COUNT, most: 1_048_576 },
  },
  ...{ handshakeTimeout: WAIT, handshakes: COUNT, streams: { ...COUNT, most: 10_000 } },
  ...{ connections: COUNT, upstreamConnections: COUNT, headTimeout: WAIT, requestTimeout: WAIT, idleTimeout: WAIT },
  ...{ stallTimeout: WAIT, streamTimeout: WAIT, connectTimeout: WAIT, upstreamIdleTimeout: WAIT, replay: BYTES, drain: WAIT },
}

/** @throws {TypeError} when a number cannot be used */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  checkNumbers('open the gateway', given, NUMBERS)
  return completeNumbers('open the gateway', LIMITS, given, NUMBERS)
}
