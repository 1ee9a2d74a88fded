/** The head of a message, as both halves of the wire read it: where its fields are, and what they say of the message. */

/** What a field means to whoever passes it on. */
export const PLAIN = 0
export const HOST = 1
export const LENGTH = 2
export const CODING = 3
export const CONNECTION = 4
export const UPGRADE = 5
export const EXPECT = 6
/** For this connection alone. */
export const HOP = 7
/** Who came before: `forwarded`, `x-forwarded-*`. */
export const FORWARDED = 8
export const VIA = 9
export const TRACEPARENT = 10
export const CORRELATION = 11
export const TE = 12

const KINDS: Readonly<Record<string, number>> = {
  host: HOST,
  'content-length': LENGTH,
  'transfer-encoding': CODING,
  connection: CONNECTION,
  upgrade: UPGRADE,
  expect: EXPECT,
  'keep-alive': HOP,
  'proxy-connection': HOP,
  'proxy-authorization': HOP,
  'http2-settings': HOP,
  forwarded: FORWARDED,
  'x-forwarded-for': FORWARDED,
  'x-forwarded-proto': FORWARDED,
  'x-forwarded-host': FORWARDED,
  'x-forwarded-port': FORWARDED,
  'x-real-ip': FORWARDED,
  via: VIA,
  traceparent: TRACEPARENT,
  'x-correlation-id': CORRELATION,
  te: TE,
}

/** By the length of the name: most names have a length, or a first letter, at which nothing is looked for. */
const BY_LENGTH: readonly (readonly { readonly name: Uint8Array; readonly kind: number }[])[] = Array.from(
  { length: 32 },
  (_, length) =>
    Object.entries(KINDS)
      .filter(([name]) => name.length === length)
      .map(([name, kind]) => ({ name: Buffer.from(name), kind })),
)

/** Numbers that are kept of a field: its kind, and where its name and its value begin and end. */
export const STRIDE = 5

export type HeadLimits = {
  /** Bytes of the first line and all fields. Default 16 KiB. */
  readonly head: number
  /** Fields. Default 100. */
  readonly fields: number
  /** Characters of a target. Default 8 KiB. */
  readonly target: number
}

export const HEAD_LIMITS: HeadLimits = { head: 16_384, fields: 100, target: 8_192 }

/** Why a message is refused: the status of the answer (502: it was an answer itself), and what is wrong. */
export type Fault = { readonly status: number; readonly why: string }

export const fault = (status: number, why: string): Fault => ({ status, why })

/** A head that was read. One is used for all messages of a connection. */
export type Head = {
  /** All of it, one character a byte. */
  text: string
  method: string
  /** In origin form, `/a?b`, or `*`. */
  target: string
  /** Where the path ends in the target. */
  pathEnd: number
  status: number
  reason: string
  /** The last digit of `HTTP/1.1`. */
  minor: number
  count: number
  readonly spans: Int32Array
  /** Which kinds of fields there are, as bits. */
  seen: number
  /** Of the body; -1 when nothing is said of it. */
  length: number
  chunked: boolean
  /** Options of the field Connection. */
  close: boolean
  keepAlive: boolean
  upgrades: boolean
  /** The protocol that the connection is to go over to, in lower case; '' for none. */
  upgrade: string
  /** It waits for a word before it sends its body. */
  expects: boolean
  host: string
  /** Other names in Connection: fields that are for this connection alone. Undefined for none, as nearly always. */
  named: readonly string[] | undefined
  readonly limits: HeadLimits
}

export function createHead(limits: HeadLimits = HEAD_LIMITS): Head {
  return {
    text: '',
    method: '',
    target: '',
    pathEnd: 0,
    status: 0,
    reason: '',
    minor: 1,
    count: 0,
    spans: new Int32Array(limits.fields * STRIDE),
    seen: 0,
    length: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgrades: false,
    upgrade: '',
    expects: false,
    host: '',
    named: undefined,
    limits,
  }
}

/** Whether a part of a text is a name that is written in lower case, whatever the case of the part. Both are tokens. */
export function isNamed(text: string, from: number, to: number, name: string): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(from + i)
    if (code === name.charCodeAt(i)) continue
    if (code < 65 || code > 90 || code + 32 !== name.charCodeAt(i)) return false
  }
  return true
}

/** @param bytes of a token @param underscored whether there is an underscore among them */
export function kindOf(bytes: Buffer, from: number, to: number, underscored: boolean): number {
  const length = to - from
  if (length >= BY_LENGTH.length) return PLAIN
  if (underscored) {
    // Some servers read an underscore as a hyphen: what they would take for one of these is not passed on.
    const name = bytes.toString('latin1', from, to).replaceAll('_', '-').toLowerCase()
    return Object.hasOwn(KINDS, name) ? HOP : PLAIN
  }
  for (const { name, kind } of BY_LENGTH[length]!) {
    let at = 0
    // Of tokens this bit tells small letters from capitals, and what it makes of others stands in none of these names.
    while (at < length && (bytes[from + at]! | 32) === name[at]) at++
    if (at === length) return kind
  }
  return PLAIN
}

/** The value of a field by its name in lower case; of several, all, as RFC 9110 joins them (cookies: `; `). Undefined when there is none. */
export function fieldOf({ text, spans, count }: Head, name: string, between = ', '): string | undefined {
  let found: string | undefined
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE
    if (!isNamed(text, spans[at + 1]!, spans[at + 2]!, name)) continue
    const value = text.slice(spans[at + 3], spans[at + 4])
    found = found === undefined ? value : found + between + value
  }
  return found
}

/** The same of a field that has a kind of its own. Most messages have none of it, and that is known without a look at their fields. */
export function fieldOfKind(head: Head, kind: number, name: string): string | undefined {
  return (head.seen & (1 << kind)) === 0 ? undefined : fieldOf(head, name)
}

/** Names of its fields that are not for this connection alone, in lower case. */
export function namesOf({ text, spans, count, named }: Head): readonly string[] {
  const names = new Set<string>()
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE
    if (spans[at] !== PLAIN) continue
    const name = text.slice(spans[at + 1], spans[at + 2]).toLowerCase()
    if (named?.includes(name) !== true) names.add(name)
  }
  return [...names]
}
