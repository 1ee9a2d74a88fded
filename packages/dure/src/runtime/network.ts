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
