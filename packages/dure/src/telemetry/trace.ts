import type { Ids } from '../runtime/runtime.ts'

/**
 * W3C Trace Context: which trace a call, a message or a request belongs to, and whether spans are made of it.
 * Source: https://www.w3.org/TR/trace-context-2/ §3.2 and §3.3.
 */
export type TraceContext = {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits: the span that whatever follows is a child of. */
  readonly spanId: string
  readonly sampled: boolean
  /** Its maker says that the last seven bytes of `traceId` are random, so that whoever samples may go by them (level 2). */
  readonly random?: true
}

/** The two flags of level 2; the others are reserved, and are not passed on. */
const [SAMPLED, RANDOM] = [1, 2]

// Version ff and all-zero ids are invalid; versions after 00 may add fields.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const LONGEST_TRACEPARENT = 256

/** Reads a `traceparent`; undefined when it is none, for then a new trace begins, as W3C asks. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > LONGEST_TRACEPARENT) return undefined
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || (version === '00' && more !== undefined)) return undefined
  const bits = Number.parseInt(flags!, 16)
  const sampled = (bits & SAMPLED) !== 0
  return (bits & RANDOM) === 0 ? { traceId, spanId, sampled } : { traceId, spanId, sampled, random: true }
}

export function formatTraceparent({ traceId, spanId, sampled, random }: TraceContext): string {
  return `00-${traceId}-${spanId}-0${(sampled ? SAMPLED : 0) | (random === true ? RANDOM : 0)}`
}

/** Looks at the sampled flag of a well-formed `traceparent` and at nothing else: asked on every hop. */
export function isSampled(traceparent: string): boolean {
  const digit = traceparent.charCodeAt(54)
  // The letters a to f are 10 to 15, and their codes begin at an odd number.
  return (digit & 1) === (digit < 58 ? 1 : 0) && traceparent.length >= 55
}

/** The id of the trace, for logs and people; undefined when there is none. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined || traceparent.length < 55 ? undefined : traceparent.slice(3, 35)
}

/** The flags of a `traceparent` of our own, as a number. */
export function flagsOf(traceparent: string): number {
  return Number.parseInt(traceparent.slice(53, 55), 16)
}

/** A new span's place: in the trace of `parent`, or in a new one, of random bytes, when that is missing or malformed. */
export function childTraceparent(parent: string | undefined, sampled: boolean, ids: Ids): string {
  const known = parseTraceparent(parent)
  if (known !== undefined) return formatTraceparent({ ...known, spanId: ids.hex(8), sampled })
  const fresh = ids.hex(24)
  return formatTraceparent({ traceId: fresh.slice(0, 32), spanId: fresh.slice(32), sampled, random: true })
}

const MEMBER = /^[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** Other vendors' `tracestate`, kept as it came; undefined when it is malformed or larger than the 512 characters all must keep. */
export function keepTracestate(text: string | undefined): string | undefined {
  if (text === undefined || text === '' || text.length > 512) return undefined
  const members = text.split(',').map((member) => member.trim())
  const given = members.filter((member) => member !== '')
  return given.length > 0 && given.length <= 32 && given.every((member) => MEMBER.test(member)) ? text : undefined
}
