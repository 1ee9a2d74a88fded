import { PATH, QUERY, QUESTION, SLASH, SP, TOKEN } from './characters.ts'
import { HOST_VALUE, readFields } from './fields.ts'
import { fault, type Fault, type Head } from './head.ts'

/**
 * Methods that are passed on: RFC 9110, PATCH, SEARCH and QUERY, and WebDAV's. Of CONNECT and TRACE no gateway is the end, and a name
 * that nobody knows could be the start of anything.
 */
export const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'SEARCH', 'QUERY'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT'],
])

/** By the length of the name. The name itself is handed on, not the part of the head that says it: whatever looks it up knows it already. */
const BY_LENGTH: readonly (readonly string[])[] = Array.from({ length: 16 }, (_, length) =>
  [...METHODS].filter((name) => name.length === length),
)
const methodOf = (text: string, length: number): string | undefined => BY_LENGTH[length]?.find((name) => text.startsWith(name))

/** Reads the head of a request: all up to and with the empty line, one character a byte. */
export function readRequest(head: Head, text: string): Fault | undefined {
  reset(head, text)
  const line = text.indexOf('\r\n')
  let at = 0
  while (TOKEN[text.charCodeAt(at)] === 1) at++
  if (at === 0 || text.charCodeAt(at) !== SP) return fault(400, 'its method is none')
  const method = methodOf(text, at)
  const target = ++at
  while (at < line && text.charCodeAt(at) !== SP) at++
  if (at - target > head.limits.target) return fault(414, `its target is longer than ${head.limits.target} characters`)
  const wrong = versionFault(text, at, line)
  if (wrong !== undefined) return wrong
  head.minor = text.charCodeAt(line - 1) - 48
  if (method === undefined) return fault(501, 'its method is not one that is passed on')
  head.method = method
  const authority = takeTarget(head, text.slice(target, at))
  if (typeof authority === 'object') return authority
  return readFields(head, line + 2, 400) ?? wholeFault(head, authority)
}

export function reset(head: Head, text: string): void {
  head.text = text
  head.count = head.seen = 0
  head.length = -1
  head.chunked = false
  head.close = false
  head.keepAlive = false
  head.upgrades = false
  head.upgrade = ''
  head.expects = false
  head.host = ''
  head.named = undefined
}

function versionFault(text: string, at: number, line: number): Fault | undefined {
  if (line - at !== 9 || !text.startsWith(' HTTP/', at) || text.charCodeAt(at + 7) !== 46)
    return fault(400, 'its first line is not a method, a target and a version')
  const [major, minor] = [text.charCodeAt(at + 6), text.charCodeAt(at + 8)]
  if (major === 49 && (minor === 49 || minor === 48)) return undefined
  const isDigit = (code: number): boolean => code >= 48 && code <= 57
  return isDigit(major) && isDigit(minor) ? fault(505, 'it is not HTTP/1.1') : fault(400, 'its version is none')
}

/** Puts the target into origin form; the authority, where it had one, else undefined. */
function takeTarget(head: Head, given: string): Fault | string | undefined {
  let target = given
  let authority: string | undefined
  if (target.charCodeAt(0) !== SLASH) {
    if (target === '*' && head.method === 'OPTIONS') {
      head.target = target
      head.pathEnd = 1
      return undefined
    }
    const absolute = /^http:\/\/([^/?#@\\]+)(.*)$/i.exec(target)
    if (absolute === null) return fault(400, 'its target is neither a path nor an http address')
    authority = absolute[1]!
    if (!HOST_VALUE.test(authority)) return fault(400, 'its target names no host')
    target = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`
  }
  let at = 0
  const { length } = target
  while (at < length && PATH[target.charCodeAt(at)] === 1) at++
  head.pathEnd = at
  if (at < length && target.charCodeAt(at) === QUESTION) while (++at < length && QUERY[target.charCodeAt(at)] === 1);
  if (at < length) return fault(400, 'its target has a character that none may have')
  head.target = target
  return authority
}

function wholeFault(head: Head, authority: string | undefined): Fault | undefined {
  if (head.host === '' && (head.minor === 1 || authority !== undefined)) return fault(400, 'it has no field Host')
  if (authority !== undefined && authority.toLowerCase() !== head.host.toLowerCase())
    return fault(400, 'its target and its field Host name two hosts')
  if (head.minor === 0 && head.chunked) return fault(400, 'it has Transfer-Encoding and is HTTP/1.0')
  // Over another protocol, such as h2c, requests would come by that nobody has looked at.
  const changes = head.upgrades && head.upgrade === 'websocket' && head.method === 'GET' && head.minor === 1
  if (!changes || head.chunked || head.length > 0) head.upgrade = ''
  return undefined
}
