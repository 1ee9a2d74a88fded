import { SP, VALUE } from './characters.ts'
import { readFields } from './fields.ts'
import { fault, type Fault, type Head } from './head.ts'
import { reset } from './request.ts'

/** Reads the head of an answer: all up to and with the empty line, one character a byte. */
export function readResponse(head: Head, text: string): Fault | undefined {
  reset(head, text)
  const line = text.indexOf('\r\n')
  if (line < 12 || !text.startsWith('HTTP/1.')) return fault(502, 'its first line is not a version and a status')
  const minor = text.charCodeAt(7) - 48
  if ((minor !== 0 && minor !== 1) || text.charCodeAt(8) !== SP) return fault(502, 'it is not HTTP/1.1')
  let status = 0
  for (let i = 9; i < 12; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return fault(502, 'its status is no number')
    status = status * 10 + digit
  }
  if (status < 100) return fault(502, 'its status is less than 100')
  if (line > 12 && text.charCodeAt(12) !== SP) return fault(502, 'its status has more than three digits')
  for (let i = 13; i < line; i++)
    if (VALUE[text.charCodeAt(i)] === 0) return fault(502, 'its reason has a character that none may have')
  head.minor = minor
  head.status = status
  head.reason = text.slice(13, line)
  const wrong = readFields(head, line + 2, 502)
  if (wrong !== undefined) return wrong
  if (head.chunked && minor === 0) return fault(502, 'it has Transfer-Encoding and is HTTP/1.0')
  if (!head.upgrades) head.upgrade = ''
  return undefined
}
