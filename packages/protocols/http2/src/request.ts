/** Whether a list of headers is a request (RFC 9113, sections 8.1 to 8.3), as nobody who passes it on may have to ask again. */

export type RequestHead = {
  readonly headers: ReadonlyMap<string, string>
  /** What it says of its body; -1: nothing. */
  readonly length: number
}

const PSEUDO = new Set([':method', ':scheme', ':path', ':authority'])
/** Of one connection, which is not what HTTP/2 calls one (section 8.2.2). */
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
/** Two of them contradict each other, even when they are the same. */
const SINGLE = new Set(['content-length', 'host', 'te', 'authorization'])
const BAD_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/
const PATH = /^(?:\/[^\x00-\x20\x7f#]*|\*)$/ // eslint-disable-line no-control-regex
const AUTHORITY = /^[^\x00-\x20\x7f/?#@\\]+$/ // eslint-disable-line no-control-regex

/** By byte: may be in a name, which has small letters only. */
const IN_NAME = new Uint8Array(256)
for (const byte of Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) IN_NAME[byte] = 1

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (IN_NAME[name.charCodeAt(i)] === 0) return false
  return name.length > 0
}

/** The fields behind those that begin with a colon; undefined: they are not right. */
function readFields(fields: readonly string[], from: number, into: Map<string, string>): Map<string, string> | undefined {
  for (let i = from; i < fields.length; i += 2) {
    const [name, value] = [fields[i]!, fields[i + 1]!]
    if (!isName(name) || BAD_VALUE.test(value) || HOP.has(name)) return undefined
    const before = into.get(name)
    if (before !== undefined && SINGLE.has(name)) return undefined
    into.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`)
  }
  return into
}

/** @returns undefined: it is malformed */
export function readRequest(fields: readonly string[]): RequestHead | undefined {
  const headers = new Map<string, string>()
  let at = 0
  for (; at < fields.length && fields[at]!.startsWith(':'); at += 2) {
    if (!PSEUDO.has(fields[at]!) || headers.has(fields[at]!)) return undefined
    headers.set(fields[at]!, fields[at + 1]!)
  }
  if (readFields(fields, at, headers) === undefined || !isRequestLine(headers)) return undefined
  const te = headers.get('te')
  if (te !== undefined && te !== 'trailers') return undefined
  const length = headers.get('content-length')
  if (length === undefined) return { headers, length: -1 }
  return /^\d{1,15}$/.test(length) ? { headers, length: Number(length) } : undefined
}

function isRequestLine(headers: ReadonlyMap<string, string>): boolean {
  const [method, scheme, path] = [headers.get(':method'), headers.get(':scheme'), headers.get(':path')]
  const [authority, host] = [headers.get(':authority'), headers.get('host')]
  if (method === undefined || !METHOD.test(method)) return false
  if (authority !== undefined && (!AUTHORITY.test(authority) || (host !== undefined && host !== authority))) return false
  // A tunnel has neither of the two (section 8.5); whoever gets it says that there is none.
  if (method === 'CONNECT') return scheme === undefined && path === undefined && authority !== undefined
  return scheme !== undefined && SCHEME.test(scheme) && path !== undefined && PATH.test(path)
}

/** @returns undefined: they are malformed */
export function readTrailers(fields: readonly string[]): ReadonlyMap<string, string> | undefined {
  const trailers = readFields(fields, 0, new Map())
  return trailers?.has('content-length') === true || trailers?.has('host') === true ? undefined : trailers
}
