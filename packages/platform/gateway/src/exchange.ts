/** What becomes of each request: whom it goes to, how often, and what is said of it. */
import type { Admitter } from 'dure/resilience/internal'
import { createBegin, requestFor, spanOf, type BeginOptions, type Exchange } from './begin.ts'
import { chooseTarget } from './choose.ts'
import type { Route } from './compiled.ts'
import { answerOf, ownAnswerOf, type RequestView } from './filter.ts'
import { isIdempotent } from './idempotent.ts'
import { ownBody, problem, type ProxiedRequest, type Decisions } from './proxy/proxy.ts'
import type { AccessEntry, AccessLog } from './seen.ts'

export function createDecisions(
  options: BeginOptions & {
    readonly accessLog: AccessLog | undefined
    readonly unrouted: () => void
  },
): Decisions {
  const { runtime, accessLog, tracer, service } = options
  const { clock, ids, random } = runtime

  const begin = createBegin(options)
  const leave = (exchange: Exchange, outcome: Parameters<Admitter['leave']>[1], took: number, now: number): void => {
    const { route, call } = exchange
    for (let i = exchange.entered - 1; i >= 0; i--) route.admitters[i]!.leave(call!, outcome, took, now)
    exchange.entered = 0
  }

  const pick: Decisions['pick'] = (client) => {
    const exchange = client.about as Exchange
    const { route } = exchange
    const stuck = exchange.upstream === undefined ? chooseTarget(client, route, { random, ids }) : undefined
    exchange.upstream ??= stuck!.upstream
    const endpoint =
      client.tries === 0 && stuck?.key !== undefined ? stuck.upstream.stick(stuck.key) : exchange.upstream.pick(exchange.failed)
    if (client.tries === 0) exchange.upstream.called()
    exchange.endpoint = endpoint
    exchange.asked = endpoint !== undefined
    exchange.probe = endpoint?.health?.state() === 'probing'
    return endpoint
  }

  const tried: Decisions['tried'] = (client, endpoint, how) => {
    const exchange = client.about as Exchange
    const { route, upstream } = exchange
    if (exchange.asked) upstream!.tried(endpoint, how, exchange.probe)
    exchange.asked = false
    // An answer is none that others give as well, but for one that tells of a failure.
    if (typeof how !== 'number' || how >= 500) exchange.failed = [...exchange.failed, endpoint]
    if (client.tries >= route.attempts) return false
    if (typeof how === 'number') {
      if (how !== 502 && how !== 503 && how !== 504) return false
    } else if (how.kind === 'late' || how.kind === 'malformed') return false
    // One that took no connection has not been told anything: another one may always be asked, and nobody is loaded more by that.
    const unsent = typeof how === 'object' && how.kind === 'connect'
    if (unsent && upstream!.hasOther(endpoint)) return true
    if (!unsent && !(route.idempotent ?? isIdempotent(client.method))) return false
    // The same one would stand still once more.
    if (typeof how === 'object' && how.kind === 'stalled' && !upstream!.hasOther(endpoint)) return false
    return upstream!.again()
  }

  const answering: Decisions['answering'] = (client, head) => {
    const { route, request } = client.about as Exchange
    if (route.after.length === 0) return undefined
    const answer = answerOf(client, head)
    try {
      for (const step of route.after) {
        const own = step(answer, request ?? requestFor(client, client.about as Exchange))
        if (own !== undefined) return own
      }
    } catch (error) {
      client.failure = `A filter failed: ${String(error)}`
      return problem(500, 'INTERNAL', 'The gateway failed at the answer')
    }
    return undefined
  }

  const refusing: Decisions['refusing'] = (client, given, passable) => {
    if (client.correlation === '') client.correlation = ids.next()
    const exchange = client.about as Exchange | undefined
    if (exchange === undefined) return given
    let answer = given
    const { route } = exchange
    if (route.failed.length === 0 && route.after.length === 0) return answer
    const request = requestFor(client, exchange)
    try {
      if (answer.status >= 500) for (const step of route.failed) answer = step(answer, request) ?? answer
      const headers = new Map(Object.entries(answer.headers ?? {}))
      const through = passable && ownBody(answer, client.method) !== undefined
      const view = ownAnswerOf(answer, headers, through ? (stage) => void (client.stages ??= []).push(stage) : undefined)
      for (const step of route.after) step(view, request)
      return { ...answer, headers: Object.fromEntries(headers) }
    } catch (error) {
      client.failure = `A filter failed: ${String(error)}`
      return given
    }
  }

  /** A request that has failed is told of, whether its trace is sampled or not. */
  const endSpan = (client: ProxiedRequest, { span, route, parent, request }: Exchange): void => {
    const { status, failure, begun: at, traceparent: own } = client
    const error = status >= 500 ? new Error(failure ?? `It was answered with ${status}`) : undefined
    const consumer = request?.consumer?.name
    const answered = { 'http.response.status_code': status, ...(consumer !== undefined && { 'dure.consumer': consumer }) }
    if (span !== undefined) return span.end(error, answered)
    const start = spanOf(client, route, service, parent)
    tracer?.record({ ...start, attributes: { ...start.attributes, ...answered }, at, error, own })
  }

  const ended: Decisions['ended'] = (client) => {
    const exchange = client.about as Exchange | undefined
    const now = clock.monotonic()
    const duration = now - client.begun
    const { status } = client
    if (exchange !== undefined) {
      exchange.over = true
      const { route, upstream, endpoint } = exchange
      if (exchange.asked && endpoint !== undefined) upstream!.tried(endpoint, 'given up', exchange.probe)
      if (exchange.request !== undefined) tellEnded(client, exchange.request, route, duration)
      if (exchange.entered > 0) leave(exchange, outcomeOf(client), duration, now)
      route.counts.record(exchange.request?.consumer?.name ?? '-', status, duration, now)
      if (exchange.span !== undefined || status >= 500) endSpan(client, exchange)
    } else options.unrouted()
    if (accessLog === undefined) return
    accessLog.write(entryOf(client, exchange, clock.now() - duration, duration))
  }

  const arrived: Decisions['arrived'] = (client, body) => {
    const exchange = client.about as Exchange
    const copy = body && { method: client.method, body, headFor: client.headFor.bind(client) }
    for (const step of exchange.route.arrived) {
      try {
        step(requestFor(client, exchange), copy)
      } catch (error) {
        // It was about a copy: the request itself goes its way.
        client.failure = `A filter failed: ${String(error)}`
      }
    }
  }

  return { begin, pick, tried, answering, refusing, ended, arrived }
}

function tellEnded(client: ProxiedRequest, request: RequestView, { ended }: Route, duration: number): void {
  if (ended.length === 0) return
  const { status, bytesIn, bytesOut } = client
  const end = { status, duration, bytesIn, bytesOut }
  for (const step of ended) step(request, end)
}

/** What a request says of whoever it went to. */
function outcomeOf({ status, tries }: ProxiedRequest): 'answered' | 'failed' | 'unknown' {
  if (status === 499 || tries === 0) return 'unknown'
  return status >= 500 ? 'failed' : 'answered'
}

function entryOf(client: ProxiedRequest, exchange: Exchange | undefined, began: number, duration: number): AccessEntry {
  const { head, method, status, bytesIn, bytesOut, tries, failure } = client
  const read = method !== ''
  const endpoint = exchange?.endpoint
  return {
    time: Math.round(began),
    correlationId: client.correlation,
    address: client.address,
    consumer: exchange?.request?.consumer?.name ?? '-',
    method: read ? method : '-',
    host: read ? head.host : '',
    path: read ? head.target.slice(0, head.pathEnd) : '-',
    route: exchange?.route.name ?? '-',
    upstream: endpoint?.name ?? '-',
    status,
    duration,
    bytesIn,
    bytesOut,
    tries,
    failure,
    requestBody: exchange?.request?.requestBody,
    answerBody: exchange?.request?.answerBody,
  }
}
