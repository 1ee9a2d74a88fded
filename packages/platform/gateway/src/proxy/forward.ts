/** Heads as they are passed on: what is for one connection alone is left out, and who has passed it on is put in. */
import {
  CODING,
  CONNECTION,
  CORRELATION,
  EXPECT,
  fieldOf,
  HOP,
  HOST,
  LENGTH,
  PLAIN,
  STRIDE,
  TE,
  UPGRADE,
  type Head,
} from '../wire/wire.ts'
import type { Edits } from './edits.ts'

/** The lines of a head that are kept, each as it came. */
function passedLines(head: Head, drops: (kind: number) => boolean, edits: Edits | undefined): string {
  const { text, spans, count, named } = head
  const checked = edits !== undefined || (named !== undefined && named.length > 0)
  let out = ''
  let from = -1
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE
    const kind = spans[at]!
    const name = spans[at + 1]!
    if (drops(kind) || (checked && isLeftOut(head, at, edits))) {
      if (from !== -1) out += text.slice(from, name)
      from = -1
    } else if (from === -1) from = name
  }
  return from === -1 ? out : out + text.slice(from, text.length - 2)
}

function isLeftOut({ text, spans, named }: Head, at: number, edits: Edits | undefined): boolean {
  const name = text.slice(spans[at + 1], spans[at + 2]).toLowerCase()
  return (spans[at] === PLAIN && named?.includes(name) === true) || edits?.removed.has(name) === true
}

const requestDrops = (kind: number): boolean =>
  kind !== PLAIN && kind !== HOST && kind !== LENGTH && kind !== CODING && kind !== EXPECT

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
}

/** The head of a request as its upstream gets it. */
export function requestHead(
  passing: Passing,
  to: { readonly host: string; readonly port: number },
  {
    trusting,
    name,
  }: {
    /** Whether what is said of those before is believed, and handed on. */
    readonly trusting: boolean
    /** What this gateway calls itself. */
    readonly name: string
  },
): string {
  const { head, method, target, edits, address, traceparent, correlation } = passing
  const scheme = passing.secure ? 'https' : 'http'
  const lines = passedLines(head, requestDrops, edits)
  let came = { for: address, proto: scheme, host: head.host, forwarded: '' }
  if (trusting)
    came = {
      for: joined(fieldOf(head, 'x-forwarded-for'), address),
      proto: fieldOf(head, 'x-forwarded-proto') ?? scheme,
      host: fieldOf(head, 'x-forwarded-host') ?? head.host,
      forwarded: `${fieldOf(head, 'forwarded') ?? ''}`,
    }
  const node = address.includes(':') ? `"[${address}]"` : address
  const own = `for=${node};host="${head.host}";proto=${scheme}`
  // One that is HTTP/1.0 need not say whom it is for.
  const host = head.host === '' ? `host: ${to.host}:${to.port}\r\n` : ''
  let text = `${method} ${target} HTTP/1.1\r\n${host}${lines}x-forwarded-for: ${came.for}\r\nx-forwarded-proto: ${came.proto}\r\n`
  text += `x-forwarded-host: ${came.host}\r\nx-forwarded-port: ${passing.port}\r\nforwarded: ${came.forwarded === '' ? own : `${came.forwarded}, ${own}`}\r\n`
  text += `via: ${joined(fieldOf(head, 'via'), `1.${head.minor} ${name}`)}\r\ntraceparent: ${traceparent}\r\nx-correlation-id: ${correlation}\r\n`
  if (head.upgrade !== '') text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`
  else if (head.minor === 1 && /(?:^|[\s,])trailers(?:$|[\s,])/i.test(fieldOf(head, 'te') ?? ''))
    text += 'connection: te\r\nte: trailers\r\n'
  return edits === undefined ? `${text}\r\n` : `${text}${edits.added}\r\n`
}

const joined = (before: string | undefined, own: string): string => (before === undefined ? own : `${before}, ${own}`)

/** How the body of an answer goes on to the client. */
export type Framing = 'as it came' | 'none' | 'chunked' | 'until the end'

const answerDrops = (kind: number): boolean =>
  kind === CONNECTION || kind === HOP || kind === UPGRADE || kind === CORRELATION || kind === TE
const bodyDrops = (kind: number): boolean => answerDrops(kind) || kind === CODING
const emptyDrops = (kind: number): boolean => bodyDrops(kind) || kind === LENGTH

/** The head of an answer as its client gets it. */
export function answerHead(
  head: Head,
  { framing, edits, more }: { readonly framing: Framing; readonly edits: Edits | undefined; readonly more: string },
): string {
  const { status, reason } = head
  const drops = status < 200 || status === 204 ? emptyDrops : framing === 'as it came' ? answerDrops : bodyDrops
  const text = `HTTP/1.1 ${status} ${reason}\r\n${passedLines(head, drops, edits)}${more}`
  const coding = framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : ''
  return `${text}${coding}${edits === undefined ? '' : edits.added}\r\n`
}

/** Whether events come on it, each in its time. */
export const isStream = ({ text }: Head): boolean => /\r\ncontent-type:[ \t]*text\/event-stream/i.test(text)
