import { CallError, type Status } from '../contract/contract.ts'
import type { Timer } from '../runtime/runtime.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { keepTracestate, type Tracer } from '../telemetry/internal.ts'
import type { Cancellation, CancelListener, CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { sampledBy } from './tracing.ts'

/** A call that requests over HTTP are part of. */
export type RequestingCall = CallContext & { readonly cancellation: Cancellation }

/** Whom a handler asks is for its own service to know: its callers are told what they can do, not of which host. */
export function requestError(code: Status, message: string, cause?: unknown): CallError {
  return new CallError(code, message, { cause, inside: true })
}

type EndSpan = (error: unknown, status: number | undefined) => void

/** The span of a request, named as OpenTelemetry's conventions for HTTP clients name it. */
export function beginSpan(
  { service, tracer }: { service: string; tracer: Tracer | undefined },
  call: CallContext,
  { method, url }: { readonly method: string; readonly url: URL },
): { readonly headers: ReadonlyMap<string, string>; readonly end: EndSpan } {
  if (tracer === undefined) return { headers: headersOf(call.traceparent, call), end: () => {} }
  const attributes: Attributes = {
    'http.request.method': method,
    'server.address': url.hostname,
    'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
  }
  const shape = { name: method, kind: 'client', service, attributes, numbers: [STATUS] } as const
  const { traceparent: parent, tracestate } = call
  const details = { 'url.full': `${url.origin}${url.pathname}` }
  const span = tracer.begin({ ...shape, parent, tracestate, details }, sampledBy(call, tracer))
  return {
    headers: headersOf(span.traceparent, call),
    end: (error, status) => span.end(error, status === undefined ? {} : { [STATUS]: status }),
  }
}

/** What a request has to carry. */
function headersOf(traceparent: string | undefined, { tracestate }: CallContext): ReadonlyMap<string, string> {
  const state = keepTracestate(tracestate)
  const headers = new Map<string, string>()
  if (traceparent !== undefined) headers.set('traceparent', traceparent)
  if (state !== undefined) headers.set('tracestate', state)
  return headers
}

const STATUS = 'http.response.status_code'

/** One request under way, until its answer has been read, or something ends it. */
export class OpenRequest implements CancelListener {
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

  /** Why it was ended from outside; undefined when it was not. */
  get ended(): CallError | undefined {
    return this.#ended
  }

  /** It is being answered with this status. */
  answered(status: number): void {
    this.#status = status
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

  /** Its answer has been read; with the status that it had. */
  done(status: number | undefined = this.#status): void {
    this.#status = status
    this.#close(undefined)
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

  /** What it failed with: why it was ended, or else what was thrown. */
  fail(thrown: unknown): unknown {
    const error = this.#ended ?? thrown
    this.#close(error)
    return error
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
