/** The head of a request of HTTP/2 as text of HTTP/1.1, which is then read as strictly as any. */

export type RequestHead = {
  readonly text: string
  readonly method: string
  /** Nothing says how long its body is. */
  readonly chunked: boolean
}

/** Fields that say how a message of HTTP/1.1 travels: in HTTP/2 there are none (RFC 9113, section 8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'],
])
/** What would end a line of text, or its name. */
const WRONG_VALUE = /[\r\n\0]/
const WRONG_NAME = /[^a-z0-9!#$%&'*+\-.^_`|~]/

/**
 * @param raw names and values in turn, as they came
 * @param ended whether nothing comes behind it
 * @returns undefined when it is malformed
 */
export function requestHeadOf(raw: readonly string[], ended: boolean): RequestHead | undefined {
  let [method, path, authority, scheme] = ['', '', '', '']
  let [host, length, cookie, lines] = ['', '', '', '']
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    if (WRONG_VALUE.test(value)) return undefined
    switch (name) {
      case ':method':
        method = value
        break
      case ':path':
        path = value
        break
      case ':authority':
        authority = value
        break
      case ':scheme':
        scheme = value
        break
      case 'host':
        if (host !== '') return undefined
        host = value
        break
      case 'cookie':
        // One again, as RFC 9113 asks in section 8.2.3.
        cookie = cookie === '' ? value : `${cookie}; ${value}`
        break
      default:
        if (WRONG_NAME.test(name) || FORBIDDEN.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers'))
          return undefined
        if (name === 'content-length') length = value
        lines += `${name}: ${value}\r\n`
    }
  }
  if (method === '' || path === '' || /[ \t]/.test(method + path)) return undefined
  if (scheme !== 'https' && scheme !== 'http') return undefined
  // Two programs must not read two hosts.
  if (authority !== '' && host !== '' && authority.toLowerCase() !== host.toLowerCase()) return undefined
  const chunked = !ended && length === ''
  const at = authority === '' ? host : authority
  let text = `${method} ${path} HTTP/1.1\r\n${at === '' ? '' : `host: ${at}\r\n`}${lines}`
  if (cookie !== '') text += `cookie: ${cookie}\r\n`
  return { text: `${text}${chunked ? 'transfer-encoding: chunked\r\n' : ''}\r\n`, method, chunked }
}
