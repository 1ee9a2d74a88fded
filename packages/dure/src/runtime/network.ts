/** Why `fetch` failed, in words: what it throws is "fetch failed", and the reason is its cause. */
export function whyFetchFailed(thrown: unknown): string {
  const inner = (thrown as { cause?: unknown } | null | undefined)?.cause ?? thrown
  const { code, message } = (inner ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  const known = typeof code === 'string' ? WORDS[code] : undefined
  return known ?? (typeof message === 'string' && message !== '' ? message : 'no answer came')
}

/** Whether it failed because the other side's certificate is signed by nobody who is trusted. */
export function isDistrusted(thrown: unknown): boolean {
  return whyFetchFailed(thrown) === DISTRUSTED
}

const DISTRUSTED = 'its certificate is signed by nobody who is trusted here'

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off',
  UND_ERR_SOCKET: 'the connection was broken off',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of its host cannot be looked up now',
  ETIMEDOUT: 'it could not be reached in time',
  UND_ERR_CONNECT_TIMEOUT: 'it could not be reached in time',
  DEPTH_ZERO_SELF_SIGNED_CERT: DISTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: DISTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: DISTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: DISTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: DISTRUSTED,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there does not speak TLS',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a certificate of ours',
}

/** Whether a function is the platform's own `fetch`. */
export function isPlatformFetch(work: unknown): boolean {
  return work === globalThis.fetch
}

/**
 * The platform's `fetch`, for requests whose signal counts for as long as there is something to break off. The platform follows the
 * signal of a `Request` only while somebody has that `Request`; then what was aborted would go on, and keep the process.
 */
export function heldFetch(): (request: Request) => Promise<Response> {
  const underWay = new Set<Request>()
  /** By an answer and by its body, of which either may be all that is kept. */
  const answered = new WeakMap<object, Request>()
  return async (request) => {
    underWay.add(request)
    try {
      const response = await fetch(request)
      answered.set(response, request)
      if (response.body !== null) answered.set(response.body, request)
      return response
    } finally {
      underWay.delete(request)
    }
  }
}

/**
 * Where a server of others is asked over HTTP. What is before the `@` of its url travels in a header, and into no message.
 * @throws {TypeError} when it is no url of HTTP
 */
export function httpAddress(what: string, url: string): { readonly base: string; readonly authorization: string | undefined } {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new TypeError(`Cannot use the url of the ${what}: give one that begins with "http://" or "https://"`)
  const { protocol, host, pathname, username, password } = new URL(url)
  const base = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`
  if (username === '') return { base, authorization: undefined }
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return { base, authorization: `Basic ${credentials}` }
}

/** The text of an answer. @throws {RangeError} when it is longer than so many bytes */
export async function readText(response: Response, most: number): Promise<string> {
  return (await readBytes(response, most)).toString('utf8')
}

/** The bytes of an answer. @throws {RangeError} when they are more than so many */
export async function readBytes(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length
    if (size > most) throw new RangeError(`its answer is larger than ${most} bytes`)
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks)
}
