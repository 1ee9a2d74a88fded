/** Why `fetch` failed, in words: what it throws is "fetch failed", and the reason is its cause. */
export function whyFetchFailed(thrown: unknown): string {
  const inner = (thrown as { cause?: unknown } | null | undefined)?.cause ?? thrown
  const { code, message } = (inner ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  const known = typeof code === 'string' ? WORDS[code] : undefined
  return known ?? (typeof message === 'string' && message !== '' ? message : 'no answer came')
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off',
  UND_ERR_SOCKET: 'the connection was broken off',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of its host cannot be looked up now',
  ETIMEDOUT: 'it could not be reached in time',
  UND_ERR_CONNECT_TIMEOUT: 'it could not be reached in time',
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
