/** How a request begins: its route, its place in its trace, filters and guards. */
import { STATUSES, type CallError } from 'dure/contract'
import { GuardedCall } from 'dure/resilience/internal'
import type { Runtime } from 'dure/runtime'
import {
  childTraceparent,
  isSampled,
  parseTraceparent,
  type ActiveSpan,
  type SpanStart,
  type Tracer,
} from 'dure/telemetry/internal'
import type { Route, Running } from './compiled.ts'
import { RequestView } from './filter.ts'
import { isIdempotent } from './idempotent.ts'
import { problem, type Answer, type ProxiedRequest, type Decisions, type Endpoint } from './proxy/proxy.ts'
import type { Upstream } from './upstreams/upstreams.ts'
import { CORRELATION, fieldOfKind, TRACEPARENT, VIA } from './wire/wire.ts'

/** What is known of a request under way, beside what its client knows. */
export type Exchange = {
  readonly route: Route
  readonly segments: readonly string[]
  request: RequestView | undefined
  upstream: Upstream | undefined
  endpoint: Endpoint | undefined
  /** Those that have failed it, of which it was sent to another one. */
  failed: readonly Endpoint[]
  /** It was picked and has neither answered nor failed yet. */
  asked: boolean
  probe: boolean
  call: GuardedCall | undefined
  /** It has ended: whoever still decides of it decides for nobody. */
  over: boolean
  /** Guards that have let it in. */
  entered: number
  /** Of a trace that is sampled. */
  readonly span: ActiveSpan | undefined
  /** What it is a part of, as its client says. */
  readonly parent: string | undefined
}

export type BeginOptions = {
  readonly runtime: Runtime
  readonly running: Running
  /** In Via; one that meets it again has come round in a circle. */
  readonly name: string
  readonly service: string
  readonly tracer: Tracer | undefined
}

const CORRELATION_ID = /^[\w.:@/+=-]{1,128}$/
const nothing = (): void => {}
const NOBODY: readonly Endpoint[] = []

export function createBegin({ runtime, running, name, service, tracer }: BeginOptions): Decisions['begin'] {
  const { clock, ids } = runtime

  const identify = (client: ProxiedRequest): void => {
    const given = fieldOfKind(client.head, CORRELATION, 'x-correlation-id')
    client.correlation = given !== undefined && CORRELATION_ID.test(given) ? given : ids.next()
  }
  const parentOf = ({ head }: ProxiedRequest): string | undefined => {
    const given = fieldOfKind(head, TRACEPARENT, 'traceparent')
    return given !== undefined && parseTraceparent(given) !== undefined ? given : undefined
  }
  /** The place of the request in its trace, and its span if that is sampled: nothing is made for the others. */
  const trace = (client: ProxiedRequest, route: Route, parent: string | undefined): ActiveSpan | undefined => {
    const sampled = parent === undefined ? tracer?.sample() === true : isSampled(parent)
    if (tracer === undefined || !sampled) {
      client.traceparent = childTraceparent(parent, sampled, ids)
      return undefined
    }
    const span = tracer.begin(spanOf(client, route, service, parent))
    client.traceparent = span.traceparent
    return span
  }

  /** Guards let in one after the other; one of them may have it wait. */
  const admit = (client: ProxiedRequest, exchange: Exchange): Answer | undefined | Promise<Answer | undefined> => {
    const { admitters } = exchange.route
    if (admitters.length === 0 || exchange.over) return undefined
    const key = exchange.request?.consumer?.name ?? client.address
    const now = clock.monotonic()
    exchange.call ??= new GuardedCall(nothing, { key, deadline: now + client.timeout }, now, undefined)
    while (exchange.entered < admitters.length) {
      const refused = admitters[exchange.entered]!.enter(exchange.call, now)
      if (refused instanceof Promise)
        return refused.then((error) => {
          if (error !== undefined) return refusal(error)
          const guard = admitters[exchange.entered]!
          if (!exchange.over) {
            exchange.entered++
            return admit(client, exchange)
          }
          // Whoever waited has gone meanwhile.
          const at = clock.monotonic()
          guard.leave(exchange.call!, 'unknown', at - now, at)
          return undefined
        })
      if (refused !== undefined) return refusal(refused)
      exchange.entered++
    }
    return undefined
  }

  return (client) => {
    identify(client)
    const { head } = client
    if (fieldOfKind(head, VIA, 'via')?.includes(name) === true)
      return problem(508, 'LOOP_DETECTED', 'The request has come back to this gateway: a route leads to itself')
    const match = running.table.find(head, client.address)
    if (match.is !== 'found') {
      client.traceparent = childTraceparent(undefined, false, ids)
      return unfound(match.is === 'other methods' ? match.allow : match.is)
    }
    const { route, segments } = match
    const parent = parentOf(client)
    const exchange: Exchange = {
      route,
      segments,
      request: undefined,
      upstream: undefined,
      endpoint: undefined,
      failed: NOBODY,
      asked: false,
      probe: false,
      call: undefined,
      over: false,
      entered: 0,
      span: trace(client, route, parent),
      parent,
    }
    client.about = exchange
    client.timeout = route.timeout
    client.attemptTimeout = route.attemptTimeout
    client.keeps = route.arrived.length > 0
    if (route.before.length > 0) {
      const filtered = filterFrom(client, exchange, 0)
      if (filtered instanceof Promise) return filtered.then((answer) => answer ?? admit(client, exchange))
      if (filtered !== undefined) return filtered
    }
    return route.admitters.length === 0 ? undefined : admit(client, exchange)
  }
}

export function spanOf(client: ProxiedRequest, { name }: Route, service: string, parent: string | undefined): SpanStart {
  const attributes = { 'http.request.method': client.method, 'http.route': name }
  return { name: `${client.method} ${name}`, kind: 'server', service, parent, attributes }
}

export function requestFor(client: ProxiedRequest, exchange: Exchange): RequestView {
  if (exchange.request !== undefined) return exchange.request
  const { name, idempotent = isIdempotent(client.method) } = exchange.route
  return (exchange.request = new RequestView(client, { name, repeatable: idempotent }, () => parametersOf(exchange)))
}

function parametersOf({ route, segments }: Exchange): Readonly<Record<string, string>> {
  return Object.fromEntries(
    route.template.flatMap((part, i) => (typeof part === 'string' ? [] : [[part.parameter, segments[i]!]])),
  )
}

/** Filters one after the other, without a promise where none of them makes one. */
function filterFrom(client: ProxiedRequest, exchange: Exchange, first: number): Answer | undefined | Promise<Answer | undefined> {
  const { before } = exchange.route
  const request = requestFor(client, exchange)
  for (let i = first; i < before.length; i++) {
    const answer = before[i]!(request)
    if (answer instanceof Promise) return answer.then((later) => later ?? filterFrom(client, exchange, i + 1))
    if (answer !== undefined) return answer
  }
  return undefined
}

function refusal({ code, message, details }: CallError): Answer {
  const { http } = STATUSES[code]
  const after = Number((details as { readonly retryAfter?: unknown }).retryAfter)
  const wait = Number.isFinite(after) ? Math.ceil(after / 1_000) : 1
  return problem(http, code, message, { 'retry-after': String(wait) })
}

function unfound(found: readonly string[] | 'nothing' | 'malformed'): Answer {
  if (found === 'malformed')
    return problem(400, 'MALFORMED_REQUEST', 'Cannot read the path: servers would read it in different ways')
  if (found === 'nothing') return problem(404, 'PATH_NOT_FOUND', 'No route leads there')
  const allow = found.join(', ')
  return problem(405, 'METHOD_NOT_ALLOWED', `It is served with ${allow} only`, { allow })
}
