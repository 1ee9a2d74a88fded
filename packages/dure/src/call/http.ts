import type { Runtime } from '../runtime/runtime.ts'
import type { Tracer } from '../telemetry/internal.ts'
import { beginSpan, OpenRequest, requestError, type RequestingCall } from './open-request.ts'
import { refusedOptions } from './options.ts'

/** One request over HTTP, for its span. */
export type HttpRequest = {
  readonly method: string
  /** Its credentials and its query are for nobody else. */
  readonly url: string | URL
  /** Milliseconds it may take, at most; never more than what is left of the call's deadline. */
  readonly timeout?: number
}

/** What a request has to take along, and what ends it. */
export type OutgoingHttp = {
  /** `traceparent`, and `tracestate` if there is one. */
  readonly headers: Readonly<Record<string, string>>
  /** Aborts with the call's deadline, with its caller, after `timeout`, and when the handler has answered. */
  readonly signal: AbortSignal
}

/**
 * A request by any client, as part of a call: `fetch` of the context for whoever has a client already (undici, a provider's
 * own). It is a span as that is, and ends as that does, whether the client heeds the signal or not.
 * @param send makes the request; its span has the number in `status` or `statusCode` of what this resolves with
 * @throws {CallError} DEADLINE_EXCEEDED, CANCELLED or UNAVAILABLE when it was ended; what `send` throws otherwise
 */
export type ContextHttp = <Answer>(request: HttpRequest, send: (outgoing: OutgoingHttp) => Promise<Answer>) => Promise<Answer>

/** Prepares `http` for the calls of one service. */
export function httpFactory(options: {
  service: string
  runtime: Runtime
  tracer: Tracer | undefined
}): (call: RequestingCall) => ContextHttp {
  return (call) => (request, send) => {
    const answer = ask(options, call, request, send)
    // It ends with the call, also where nobody waits for it: a rejection that nobody looks at would end the process.
    answer.catch(() => {})
    return answer
  }
}

async function ask<Answer>(
  { service, runtime, tracer }: { service: string; runtime: Runtime; tracer: Tracer | undefined },
  call: RequestingCall,
  { method, url: given, timeout }: HttpRequest,
  send: (outgoing: OutgoingHttp) => Promise<Answer>,
): Promise<Answer> {
  if (!URL.canParse(String(given)))
    throw new TypeError('Cannot ask over HTTP: what was given is no absolute URL, such as "https://example.com/path"')
  const url = new URL(given)
  const place = `"${url.host}"`
  const refused = timeout === undefined ? undefined : refusedOptions(`request to ${place}`, { timeout })
  if (refused !== undefined) throw requestError(refused.code, refused.message)
  const controller = new AbortController()
  const { signal } = controller
  const open = new OpenRequest({ place, call, controller, signal: undefined })
  const { headers, end } = beginSpan({ service, tracer }, call, { method, url })
  open.begin(timeout === undefined ? undefined : (late) => runtime.timers.after(timeout, late), end)
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => {})
  signal.addEventListener('abort', () => reject(open.ended), { once: true })
  if (open.ended !== undefined) throw open.ended
  try {
    const answer = await Promise.race([send({ headers: Object.fromEntries(headers), signal }), ended])
    open.done(statusOf(answer))
    return answer
  } catch (error) {
    throw open.fail(error)
  }
}

function statusOf(answer: unknown): number | undefined {
  const { status, statusCode } = (answer ?? {}) as { readonly status?: unknown; readonly statusCode?: unknown }
  return [status, statusCode].find((value) => typeof value === 'number')
}
