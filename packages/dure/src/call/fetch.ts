import type { Runtime } from '../runtime/runtime.ts'
import { whyFetchFailed } from '../runtime/internal.ts'
import type { Tracer } from '../telemetry/internal.ts'
import { beginSpan, OpenRequest, requestError, type RequestingCall } from './open-request.ts'
import { refusedOptions } from './options.ts'

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
}): (call: RequestingCall) => ContextFetch {
  return (call) => (input, init) => {
    const answer = send(options, call, input, init)
    // It ends with the call, also where nobody waits for it: a rejection that nobody looks at would end the process.
    answer.catch(() => {})
    return answer
  }
}

async function send(
  { service, runtime, tracer }: { service: string; runtime: Runtime; tracer: Tracer | undefined },
  call: RequestingCall,
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
  const open = new OpenRequest({ place, call, controller, signal: given })
  const { headers, end } = beginSpan({ service, tracer }, call, { method: request.method, url })
  for (const [name, value] of headers) if (!request.headers.has(name)) request.headers.set(name, value)
  open.begin(timeout === undefined ? undefined : (late) => runtime.timers.after(timeout, late), end)
  const failed = (cause: unknown): unknown =>
    open.fail(open.ended ?? requestError('UNAVAILABLE', `Request to ${place} failed: ${whyFetchFailed(cause)}`, cause))
  if (open.ended !== undefined) throw open.ended
  try {
    return follow(await runtime.fetch(request), open, failed)
  } catch (error) {
    throw failed(error)
  }
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

/** The same answer, whose reading belongs to the request. */
function follow(response: Response, open: OpenRequest, failed: (cause: unknown) => unknown): Response {
  open.answered(response.status)
  if (response.body === null) {
    open.done()
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (to) => {
        try {
          const { done, value } = await reader.read()
          if (!done) return to.enqueue(value)
          open.done()
          to.close()
        } catch (cause) {
          to.error(failed(cause))
        }
      },
      cancel: (reason) => {
        open.done()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  const { status, statusText, headers, url, redirected } = response
  const followed = new Response(body, { status, statusText, headers })
  return Object.defineProperties(followed, { url: { value: url }, redirected: { value: redirected } })
}
