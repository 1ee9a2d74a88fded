import { CallError } from '../contract/contract.ts'
import type { Clock } from '../runtime/runtime.ts'
import { whyFetchFailed } from '../runtime/internal.ts'
import type { Fetch } from './options.ts'
import { ANSWERED, CALLERS_OWN, outcomeOf, type Calls } from './outcome.ts'

type Input = Parameters<Fetch>

/** Sent twice, they do what they do once (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
/** Answers of a host that cannot serve anybody, or of what stands before it. */
const IN_TROUBLE: ReadonlySet<number> = new Set([502, 503, 504])
const TOO_MANY = 429
/** The request cannot have arrived, since there was no connection. */
const NOT_SENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

/** What `fetch` is called with and comes to. */
export function httpCalls(repeatable: ((...args: Input) => boolean) | undefined, clock: Clock): Calls<Input, Response> {
  /** Whoever can still read a body can still be ended; when it is gone, so is what would end it. */
  const ends = new WeakMap<object, AbortController>()
  return {
    open: (args) => {
      const [input, init] = args
      const request = requestIn(input)
      const text = String(request?.url ?? input)
      if (!URL.canParse(text)) return undefined
      const { protocol, host } = new URL(text)
      if (protocol !== 'http:' && protocol !== 'https:') return undefined
      const method = String(init?.method ?? request?.method ?? 'GET').toUpperCase()
      const body = init?.body ?? request?.body
      const signal = init?.signal ?? request?.signal
      return {
        host,
        place: `Request to "${host}"`,
        signal,
        repeatable: repeatable?.(...args) ?? IDEMPOTENT.has(method),
        lasting: isLasting(body),
        withSignal: (own) => [input, { ...init, signal: signal === undefined ? own : AbortSignal.any([own, signal]) }],
      }
    },
    judge: (settled) => {
      if ('error' in settled) return judgeError(settled.error)
      const { status, headers } = settled.value
      const host = IN_TROUBLE.has(status) ? 'failed' : 'answered'
      if (host === 'answered' && status !== TOO_MANY) return ANSWERED
      return { host, again: 'if repeatable', after: retryAfter(headers, clock) }
    },
    explain: (error, { place }) => {
      if (error instanceof CallError || isMistake(error)) return error
      return new CallError('UNAVAILABLE', `${place} failed: ${whyFetchFailed(error)}`, { cause: error, inside: true })
    },
    reading: ({ body }, controller, late) => {
      if (body === null || body === undefined) return undefined
      ends.set(body, controller)
      const end = new WeakRef(controller)
      return () => end.deref()?.abort(late())
    },
  }
}

function judgeError(error: unknown) {
  if (error instanceof CallError) return outcomeOf(error)
  if (isMistake(error)) return CALLERS_OWN
  const { code } = (error as { cause?: { code?: unknown } } | undefined)?.cause ?? {}
  return { host: 'failed', again: NOT_SENT.has(code) ? 'always' : 'if repeatable' } as const
}

/** A header or a method that no request can have: what failed on the way has a cause. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError && error.cause === undefined
}

/** A Request, also one of another implementation. */
function requestIn(input: Input[0]): Request | undefined {
  return typeof input === 'object' && input !== null && 'url' in input ? input : undefined
}

/** Whether a body is the same when it is sent again: one that is read while it is sent is not. */
function isLasting(body: unknown): boolean {
  return (
    body === null ||
    body === undefined ||
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  )
}

/** RFC 9110, 5.6.7; the two obsolete forms are not taken. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** Milliseconds; undefined when the header is not there or cannot be read. */
function retryAfter(headers: Headers, clock: Clock): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  const until = dateOf(text)
  if (until === undefined) return undefined
  // By the host's own clock where it tells the time: ours may be wrong.
  return Math.max(0, until - (dateOf(headers.get('date') ?? '') ?? clock.now()))
}

function dateOf(text: string): number | undefined {
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
