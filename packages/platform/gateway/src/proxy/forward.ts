/** Heads as they are passed on: what is for one connection alone is left out, and who has passed it on is put in. */
import {
  CODING,
  CONNECTION,
  CORRELATION,
  EXPECT,
  fieldOf,
  fieldOfKind,
  HOP,
  HOST,
  isNamed,
  LENGTH,
  PLAIN,
  STRIDE,
  TE,
  UPGRADE,
  VIA,
  type Head,
} from '../wire/wire.ts'
import type { Edits } from './edits.ts'

/** Kinds of fields as bits of one number. */
const bits = (...kinds: readonly number[]): number => kinds.reduce((all, kind) => all | (1 << kind), 0)

/** The lines of a head that are kept, each as it came. @param drops kinds that are not */
function passedLines(head: Head, drops: number, edits: Edits | undefined): string {
  const { text, spans, count, named } = head
  const checked = (edits !== undefined && edits.removed.length > 0) || named !== undefined
  let out = ''
  let from = -1
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE
    const kind = spans[at]!
    const name = spans[at + 1]!
    if ((drops & (1 << kind)) !== 0 || (checked && isLeftOut(head, at, edits))) {
      if (from !== -1) out += text.slice(from, name)
      from = -1
    } else if (from === -1) from = name
  }
  return from === -1 ? out : out + text.slice(from, text.length - 2)
}

function isLeftOut({ text, spans, named }: Head, at: number, edits: Edits | undefined): boolean {
  const [from, to] = [spans[at + 1]!, spans[at + 2]!]
  if (edits !== undefined) for (const name of edits.removed) if (isNamed(text, from, to, name)) return true
  if (named === undefined || spans[at] !== PLAIN) return false
  for (const name of named) if (isNamed(text, from, to, name)) return true
  return false
}

const REQUEST_DROPS = ~bits(PLAIN, HOST, LENGTH, CODING, EXPECT)

export type Passing = {
  readonly head: Head
  readonly method: string
  readonly target: string
  readonly edits: Edits | undefined
  readonly address: string
  readonly secure: boolean
  readonly traceparent: string
  readonly correlation: string
  /** Where the request came in. */
  readonly port: number
  /** What was said last of where requests of this client came from, and for which host. */
  readonly came: { host: string; lines: string }
}

/** The head of a request as its upstream gets it. */
export function requestHead(
  passing: Passing,
  to: { readonly host: string; readonly port: number },
  {
    trusting,
    name,
    version,
  }: {
    /** Whether what is said of those before is believed, and handed on. */
    readonly trusting: boolean
    /** What this gateway calls itself. */
    readonly name: string
    /** Of HTTP, where it is not that of the head. */
    readonly version?: string | undefined
  },
): string {
  const { head, method, target, edits, traceparent, correlation } = passing
  // One that is HTTP/1.0 need not say whom it is for.
  const host = head.host === '' ? `host: ${to.host}:${to.port}\r\n` : ''
  const via = `via: ${joined(fieldOfKind(head, VIA, 'via'), version ?? (head.minor === 1 ? '1.1' : '1.0'))} ${name}\r\n`
  const lines = `${passedLines(head, REQUEST_DROPS, edits)}${cameLines(passing, trusting)}${via}`
  let text = `${method} ${target} HTTP/1.1\r\n${host}${lines}traceparent: ${traceparent}\r\nx-correlation-id: ${correlation}\r\n`
  if (head.upgrade !== '') text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`
  else if (head.minor === 1 && TRAILERS.test(fieldOfKind(head, TE, 'te') ?? '')) text += 'connection: te\r\nte: trailers\r\n'
  return edits === undefined ? `${text}\r\n` : `${text}${edits.added}\r\n`
}

const TRAILERS = /(?:^|[\s,])trailers(?:$|[\s,])/i

/** Where a request came from. Of a client that asks the same host again it is the same again. */
function cameLines(passing: Passing, trusting: boolean): string {
  const { head, came, address, secure } = passing
  const proto = secure ? 'https' : 'http'
  if (trusting)
    return linesOf(passing, head.host, {
      for: joined(fieldOf(head, 'x-forwarded-for'), address),
      proto: fieldOf(head, 'x-forwarded-proto') ?? proto,
      host: fieldOf(head, 'x-forwarded-host') ?? head.host,
      forwarded: fieldOf(head, 'forwarded'),
    })
  if (came.host === head.host && came.lines !== '') return came.lines
  // A copy: a part of a text keeps all of it.
  const host = Buffer.from(head.host, 'latin1').toString('latin1')
  came.host = host
  came.lines = linesOf(passing, host, { for: address, proto, host, forwarded: undefined })
  return came.lines
}

function linesOf(
  { address, secure, port }: Passing,
  host: string,
  came: { readonly for: string; readonly proto: string; readonly host: string; readonly forwarded: string | undefined },
): string {
  const node = address.includes(':') ? `"[${address}]"` : address
  const own = `for=${node};host="${host}";proto=${secure ? 'https' : 'http'}`
  const first = `x-forwarded-for: ${came.for}\r\nx-forwarded-proto: ${came.proto}\r\nx-forwarded-host: ${came.host}\r\n`
  return `${first}x-forwarded-port: ${port}\r\nforwarded: ${joined(came.forwarded, own)}\r\n`
}

const joined = (before: string | undefined, own: string): string => (before === undefined ? own : `${before}, ${own}`)

/** How the body of an answer goes on to the client. */
export type Framing = 'as it came' | 'none' | 'chunked' | 'until the end'

const ANSWER_DROPS = bits(CONNECTION, HOP, UPGRADE, CORRELATION, TE)
/** It has no body, or one whose end is told in another way. */
const REFRAMED_DROPS = ANSWER_DROPS | bits(CODING, LENGTH)

/** The head of an answer as its client gets it. */
export function answerHead(
  head: Head,
  { framing, edits, more }: { readonly framing: Framing; readonly edits: Edits | undefined; readonly more: string },
): string {
  const { status, reason } = head
  const drops = status < 200 || status === 204 || framing !== 'as it came' ? REFRAMED_DROPS : ANSWER_DROPS
  const text = `HTTP/1.1 ${status} ${reason}\r\n${passedLines(head, drops, edits)}${more}`
  const coding = framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : ''
  return `${text}${coding}${edits === undefined ? '' : edits.added}\r\n`
}

/** Whether events come on it, each in its time. */
export function isStream({ text, spans, count }: Head): boolean {
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE
    const value = spans[at + 3]!
    if (
      isNamed(text, spans[at + 1]!, spans[at + 2]!, 'content-type') &&
      isNamed(text, value, Math.min(spans[at + 4]!, value + EVENTS.length), EVENTS)
    )
      return true
  }
  return false
}

const EVENTS = 'text/event-stream'
