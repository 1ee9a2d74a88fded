import { CallError, type Status } from '../contract/contract.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { whyFetchFailed } from '../runtime/internal.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { keepTracestate, type Tracer } from '../telemetry/internal.ts'
import type { Cancellation, CancelListener, CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { refusedOptions } from './options.ts'
import { sampledBy } from './tracing.ts'

/** What `fetch` takes, and how long the request may take. */
export type FetchOptions = RequestInit & {
  /** Milliseconds until its answer has been read, at most; never more than what is left of the call's deadline. */
  readonly timeout?: number
}

/**
 * `fetch` as part of a call: a span of its own, which travels in `traceparent`, and no longer than the call. It ends, the
 * reading of its answer with it, with the call's deadline, with its caller, and at the latest when the handler has answered.
 * @throws {CallError} DEADLINE_EXCEEDED, CANCELLED or, when no answer came, UNAVAILABLE; an answer with an error's status is an answer
 * @throws {TypeError} what no request can be made of
 */
export type ContextFetch = (input: string | URL | Request, init?: FetchOptions) => Promise<Response>

/** Prepares `fetch` for the calls of one service. */
export function fetchFactory(options: {
  service: string
  runtime: Runtime
  tracer: Tracer | undefined
}): (call: CallContext & { readonly cancellation: Cancellation }) => ContextFetch {
  return (call) => (input, init) => {
    const answer = send(options, call, input, init)
    // It ends with the call, also where nobody waits for it: a rejection that nobody looks at would end the process.
    answer.catch(() => {})
    return answer
  }
}

async function send(
  { service, runtime, tracer }: { service: string; runtime: Runtime; tracer: Tracer | undefined },
  call: CallContext & { readonly cancellation: Cancellation },
  input: string | URL | Request,
  { timeout, ...init }: FetchOptions = {},
): Promise<Response> {
  const controller = new AbortController()
  const request = requestOf(input, { ...init, signal: controller.signal })
  const url = new URL(request.url)
  const place = `"${url.host}"`
  const refused = timeout === undefined ? undefined : refusedOptions(`fetch from ${place}`, { timeout })
  if (refused !== undefined) throw requestError(refused.code, refused.message)
  if (runtime.fetch === undefined) {
    throw requestError('UNIMPLEMENTED', `Cannot ask ${place}: this runtime leads to no network; give its "fetch"`)
  }
  const given = init.signal ?? (input instanceof Request ? input.signal : undefined)
  const open = new OpenFetch({ place, call, controller, signal: given })
  const { traceparent, end } = beginSpan({ service, tracer }, call, { method: request.method, url })
  for (const [name, value] of [
    ['traceparent', traceparent],
    ['tracestate', keepTracestate(call.tracestate)],
  ] as const) {
    if (value !== undefined && !request.headers.has(name)) request.headers.set(name, value)
  }
  open.begin(timeout === undefined ? undefined : (late) => runtime.timers.after(timeout, late), end)
  try {
    open.throwIfEnded()
    return open.follow(await runtime.fetch(request))
  } catch (error) {
    throw open.fail(error)
  }
}

/** Whom a handler asks is for its own service to know: its callers are told what they can do, not of which host. */
function requestError(code: Status, message: string, cause?: unknown): CallError {
  return new CallError(code, message, { cause, inside: true })
}

/** Neither a URL's credentials nor its query are for messages, logs or spans. */
function requestOf(input: string | URL | Request, init: RequestInit): Request {
  const text = input instanceof Request ? input.url : String(input)
  if (!URL.canParse(text))
    throw new TypeError('Cannot fetch: what was given is no absolute URL, such as "https://example.com/path"')
  const { host, username, password, protocol } = new URL(text)
  if (username !== '' || password !== '')
    throw new TypeError(`Cannot fetch from "${host}": its URL holds credentials; give them in the header "authorization"`)
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new TypeError(`Cannot fetch: a URL of the scheme "${protocol.slice(0, -1)}" was given; give one of "http" or "https"`)
  return new Request(input, init)
}

type EndSpan = (error: unknown, status: number | undefined) => void

/** The span of a request, named as OpenTelemetry's conventions for HTTP clients name it. */
function beginSpan(
  { service, tracer }: { service: string; tracer: Tracer | undefined },
  call: CallContext,
  { method, url }: { readonly method: string; readonly url: URL },
): { readonly traceparent: string | undefined; readonly end: EndSpan } {
  if (tracer === undefined) return { traceparent: call.traceparent, end: () => {} }
  const attributes: Attributes = {
    'http.request.method': method,
    'server.address': url.hostname,
    'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    'url.full': `${url.origin}${url.pathname}`,
  }
  const { traceparent: parent, tracestate } = call
  const { traceparent, end } = tracer.begin(
    { name: method, kind: 'client', service, parent, tracestate, attributes },
    sampledBy(call),
  )
  return { traceparent, end: (error, status) => end(error, status === undefined ? {} : { 'http.response.status_code': status }) }
}

/** One request under way, until its answer has been read, or something ends it. */
class OpenFetch implements CancelListener {
  readonly #place: string
  readonly #call: { readonly cancellation: Cancellation }
  readonly #controller: AbortController
  readonly #signal: AbortSignal | undefined
  #end: EndSpan = () => {}
  #timer: Timer | undefined
  #status: number | undefined
  #closed = false
  #ended: CallError | undefined

  constructor(options: {
    place: string
    call: { readonly cancellation: Cancellation }
    controller: AbortController
    signal: AbortSignal | null | undefined
  }) {
    this.#place = options.place
    this.#call = options.call
    this.#controller = options.controller
    this.#signal = options.signal ?? undefined
  }

  begin(start: ((late: () => void) => Timer) | undefined, end: EndSpan): void {
    this.#end = end
    this.#timer = start?.(() => this.onCancel('deadline'))
    if (this.#signal?.aborted === true) this.#abortedByUser()
    else this.#signal?.addEventListener('abort', this.#abortedByUser, { once: true })
    this.#call.cancellation.add(this)
  }

  throwIfEnded(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  onCancel(reason: CancelReason): void {
    const [code, why] = REASONS[reason]
    this.#abort(requestError(code, `Request to ${this.#place} ${why}`), true)
  }

  /** The handler has answered: what it did not wait for, or did not read, is no failure. */
  onOver(): void {
    this.#abort(requestError('CANCELLED', `Request to ${this.#place} was ended: the call that made it is over`), false)
  }

  readonly #abortedByUser = (): void => {
    this.#abort(requestError('CANCELLED', `Request to ${this.#place} was cancelled by the signal it was given`), true)
  }

  #abort(error: CallError, failed: boolean): void {
    if (this.#closed) return
    this.#ended = error
    this.#close(failed ? error : undefined)
    this.#controller.abort(error)
  }

  #close(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#signal?.removeEventListener('abort', this.#abortedByUser)
    this.#call.cancellation.remove(this)
    const status = this.#status
    const failure =
      error ?? (status === undefined || status < 400 ? undefined : new AnsweredWith(`It was answered with ${status}`, status))
    this.#end(failure, status)
  }

  /** What it failed with, in words for the handler. */
  fail(cause: unknown): unknown {
    const error = this.#ended ?? requestError('UNAVAILABLE', `Request to ${this.#place} failed: ${whyFetchFailed(cause)}`, cause)
    this.#close(error)
    return error
  }

  /** The same answer, whose reading belongs to the request. */
  follow(response: Response): Response {
    this.#status = response.status
    if (response.body === null) {
      this.#close(undefined)
      return response
    }
    const reader = response.body.getReader()
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (to) => {
          try {
            const { done, value } = await reader.read()
            if (!done) return to.enqueue(value)
            this.#close(undefined)
            to.close()
          } catch (cause) {
            to.error(this.fail(cause))
          }
        },
        cancel: (reason) => {
          this.#close(undefined)
          return reader.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
    const { status, statusText, headers, url, redirected } = response
    const followed = new Response(body, { status, statusText, headers })
    return Object.defineProperties(followed, { url: { value: url }, redirected: { value: redirected } })
  }
}

/** An answer, and a failure to whoever looks at spans. */
class AnsweredWith extends Error {
  readonly code: string
  constructor(message: string, status: number) {
    super(message)
    this.code = String(status)
  }
}

const REASONS = {
  deadline: ['DEADLINE_EXCEEDED', 'was not answered before its deadline'],
  caller: ['CANCELLED', 'was ended: the caller has cancelled the call that made it'],
  stopping: ['UNAVAILABLE', 'was ended: the service is stopping'],
} as const satisfies Readonly<Record<CancelReason, readonly ['DEADLINE_EXCEEDED' | 'CANCELLED' | 'UNAVAILABLE', string]>>
