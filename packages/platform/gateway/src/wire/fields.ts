import { COLON, CR, HTAB, LF, SP, TOKEN, UNDERSCORE, VALUE } from './characters.ts'
import {
  CODING,
  CONNECTION,
  EXPECT,
  fault,
  HEAD_LIMITS,
  HOST,
  isNamed,
  kindOf,
  LENGTH,
  PLAIN,
  STRIDE,
  UPGRADE,
  type Fault,
  type Head,
} from './head.ts'

/**
 * Reads the fields of a head, which end with an empty line at the end of its text. Refuses what two programs could read in two ways:
 * lines that are folded, spaces before a colon, characters that are none, and lengths that are said twice or in two ways.
 * @param status of the fault: 400 for a request, 502 for an answer
 */
export function readFields(head: Head, from: number, status: number): Fault | undefined {
  const { text, spans, limits } = head
  if (WIDE.test(text)) return fault(status, 'it has characters that are no bytes')
  const bytes = bytesOf(text)
  const end = text.length - 2
  let count = 0
  let at = from
  while (at < end) {
    if (count === limits.fields) return fault(status === 400 ? 431 : status, `it has more than ${limits.fields} fields`)
    const name = at
    let underscored = false
    for (; TOKEN[bytes[at]!] === 1; at++) if (bytes[at] === UNDERSCORE) underscored = true
    if (at === name || bytes[at] !== COLON) return fault(status, nameFault(text, name, at))
    const nameEnd = at++
    while (isSpace(bytes[at]!)) at++
    const value = at
    while (VALUE[bytes[at]!] === 1) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return fault(status, 'the value of a field has a character that none may have')
    let valueEnd = at
    while (valueEnd > value && isSpace(bytes[valueEnd - 1]!)) valueEnd--
    at += 2
    const kind = kindOf(bytes, name, nameEnd, underscored)
    const span = count++ * STRIDE
    spans[span] = kind
    spans[span + 1] = name
    spans[span + 2] = nameEnd
    spans[span + 3] = value
    spans[span + 4] = valueEnd
    if (kind === PLAIN) continue
    head.seen |= 1 << kind
    // It is passed on as it came, and not everybody takes a tab for space there.
    if ((kind === LENGTH || kind === CODING) && text.slice(nameEnd, value).concat(text.slice(valueEnd, at)).includes('\t'))
      return fault(status, 'there is a tab around what says where it ends')
    const wrong = kind > EXPECT ? undefined : take(head, kind, value, valueEnd, status)
    if (wrong !== undefined) return wrong
  }
  head.count = count
  if (at !== end) return fault(status, 'its fields do not end with an empty line')
  if (head.chunked && head.length !== -1) return fault(status, 'it has both Content-Length and Transfer-Encoding')
  if (head.named?.some((each) => ESSENTIAL.has(each)))
    return fault(status, 'its field Connection names one that says where a message ends, or whom it is for')
  return undefined
}

const WIDE = /[\u0100-\uffff]/

/** Bytes are looked at several times as fast as the characters of a text. */
let looked: Buffer = Buffer.alloc(HEAD_LIMITS.head * 2)
function bytesOf(text: string): Buffer {
  // Behind the text is what ends any loop.
  if (text.length >= looked.length) looked = Buffer.alloc(text.length * 2)
  looked[looked.write(text, 0, 'latin1')] = 0
  return looked
}

const ESSENTIAL: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host'])

const isSpace = (code: number): boolean => code === SP || code === HTAB

function nameFault(text: string, name: number, at: number): string {
  const code = text.charCodeAt(at)
  if (at === name && isSpace(code)) return 'a field is folded over lines'
  return isSpace(code) ? 'there is space before the colon of a field' : 'the name of a field is none'
}

/** The last one that was read, and found to name a host. */
let lastHost = 'localhost'

/** What fields say of the message itself. */
function take(head: Head, kind: number, from: number, to: number, status: number): Fault | undefined {
  const { text } = head
  switch (kind) {
    case HOST:
      if (head.host !== '') return fault(status, 'it has more than one field Host')
      // The same client asks for the same host again, and most clients do.
      head.host = to - from === lastHost.length && text.startsWith(lastHost, from) ? lastHost : text.slice(from, to)
      if (head.host === lastHost) return undefined
      // Two programs must not read two hosts.
      if (status === 400 && !HOST_VALUE.test(head.host)) return fault(status, 'its field Host names no host')
      // A copy: a part of a text keeps all of it.
      if (status === 400) lastHost = Buffer.from(head.host, 'latin1').toString('latin1')
      return undefined
    case LENGTH:
      return takeLength(head, from, to, status)
    case CODING:
      return takeCoding(head, text.slice(from, to).toLowerCase(), status)
    case CONNECTION:
      if (isNamed(text, from, to, 'keep-alive')) head.keepAlive = true
      else takeOptions(head, text.slice(from, to).toLowerCase())
      return undefined
    case UPGRADE:
      head.upgrade =
        head.upgrade === '' ? text.slice(from, to).toLowerCase() : `${head.upgrade}, ${text.slice(from, to).toLowerCase()}`
      return undefined
    default:
      if (text.slice(from, to).toLowerCase() !== '100-continue')
        return status === 400 ? fault(417, 'nothing but "100-continue" can be expected') : undefined
      head.expects = true
      return undefined
  }
}

// RFC 9110, section 7.2: a registered name or an address, and perhaps a port.
export const HOST_VALUE: RegExp = /^(?:\[[\da-fA-F:.]+\]|[\w.~!$&'()*+;=-]+)(?::\d{1,5})?$/

function takeLength(head: Head, from: number, to: number, status: number): Fault | undefined {
  if (head.length !== -1) return fault(status, 'it has more than one Content-Length')
  let length = 0
  for (let i = from; i < to; i++) {
    const digit = head.text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return fault(status, 'its Content-Length is no number')
    length = length * 10 + digit
  }
  if (to === from || to - from > 15) return fault(status, 'its Content-Length is no number that a body may have')
  head.length = length
  return undefined
}

function takeCoding(head: Head, coding: string, status: number): Fault | undefined {
  if (head.chunked) return fault(status, 'it has more than one Transfer-Encoding')
  if (coding !== 'chunked') {
    const [why, known] = ['its Transfer-Encoding is not "chunked"', /^[\w-]+ *(?:, *[\w-]+ *)*, *chunked$/.test(coding)]
    return fault(status === 400 && known ? 501 : status, why)
  }
  head.chunked = true
  return undefined
}

function takeOptions(head: Head, options: string): void {
  for (const part of options.split(',')) {
    const option = part.trim()
    if (option === 'keep-alive') head.keepAlive = true
    else if (option === 'close') head.close = true
    else if (option === 'upgrade') head.upgrades = true
    else if (option !== '') head.named = [...(head.named ?? []), option]
  }
}
