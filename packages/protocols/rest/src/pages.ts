import { asyncapi, openapi, type AnyContract } from 'dure/contract'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { EXPOSITION_TYPES, expositionFormat } from 'dure/telemetry/internal'
import { serveApiPage } from './api-page.ts'
import { hystrixStream } from './hystrix.ts'
import { failureOf } from 'dure/door/internal'
import { problem, problemOf } from './problem.ts'
import { correlate, sendJson, sendProblem, sendText, type DoorState } from './reply.ts'

/** The door's own pages, by path. */
export const PAGES: Readonly<Record<string, string>> = {
  '/': 'This page',
  '/openapi.json': 'The operations served here, as OpenAPI',
  '/asyncapi.json': 'The events of the services, as AsyncAPI',
  '/health/live': 'Whether the process does its work',
  '/health/ready': 'Whether what this process hosts can take calls, and if not why',
  '/health/startup': 'Whether everything in this process has started',
  '/status': 'What is in hand and on its way',
  '/metrics': 'Rates, errors, durations, lags, for Prometheus',
  '/hystrix.stream': 'Calls under policies and their breakers, as events, for a Hystrix dashboard',
}

/** The page for people, which is there where it is asked for. */
export const DOCS: Readonly<Record<string, string>> = { '/docs': 'The operations, to read and to try' }

/** Serves what there is to know about the system. */
export function servePages(
  app: FastifyInstance,
  options: { state: DoorState; contracts: readonly AnyContract[]; unknownFields: 'refuse' | 'drop'; docs: boolean },
  prefix: string,
): void {
  const { state, contracts, unknownFields, docs } = options
  const { host } = state
  const page = (path: string, answer: (reply: FastifyReply) => Promise<void> | void, endless = false): void => {
    // A HEAD on what never ends would run it for nobody.
    app.get(prefix + path, { exposeHeadRoute: !endless }, async (request, reply) => {
      const correlationId = correlate(request, reply, state)
      try {
        await answer(reply)
      } catch (error) {
        state.world.log.error(`Cannot answer "GET ${prefix + path}"`, { correlationId, error })
        sendProblem(reply, state, problemOf(failureOf(error, { correlationId }).failure, prefix + path))
      }
      return reply
    })
  }
  const document = (path: string, draw: () => unknown): void => {
    let text: string | undefined
    page(path, (reply) => sendJson(reply, state, 200, (text ??= JSON.stringify(draw()))))
  }

  document('/openapi.json', () => openapi(contracts, { title: host.system, remembers: host.remembers, unknownFields }))
  document('/asyncapi.json', () => asyncapi(contracts, { title: host.system }))
  // Whoever restarts what does not live or has not started must not do so because something else is away, so nobody else is asked.
  const pulse = (path: string, group: 'live' | 'started'): void =>
    page(path, (reply) => {
      const told = host.pulse()
      sendJson(reply.header('cache-control', 'no-store'), state, told[group] ? 200 : 503, JSON.stringify(told))
    })
  pulse('/health/live', 'live')
  pulse('/health/startup', 'started')
  page('/health/ready', async (reply) => {
    const health = await host.readiness()
    const ready = health.ready && !state.closing
    // What its services work with is for those who run it, who ask elsewhere.
    const services = health.services.map(({ dependencies: _, ...told }) => told)
    sendJson(reply.header('cache-control', 'no-store'), state, ready ? 200 : 503, JSON.stringify({ ...health, ready, services }))
  })
  page('/status', async (reply) => {
    sendJson(reply.header('cache-control', 'no-store'), state, 200, JSON.stringify(await host.status()))
  })
  page('/metrics', async (reply) => {
    const telemetry = state.world.telemetry
    if (telemetry === undefined) {
      const detail = 'Cannot show metrics: the system was made with telemetry: false'
      return sendProblem(reply, state, problem(404, 'NOT_FOUND', detail, `${prefix}/metrics`))
    }
    const format = expositionFormat(reply.request.headers.accept)
    const text = await telemetry.prometheus(format)
    sendText(reply.header('cache-control', 'no-store'), state, 200, EXPOSITION_TYPES[format], text)
  })
  const watch = hystrixStream(state)
  page('/hystrix.stream', (reply) => watch(reply, `${prefix}/hystrix.stream`), true)
  if (docs) serveApiPage(app, { prefix, title: host.system })
  const there = Object.entries(docs ? { ...PAGES, ...DOCS } : PAGES).filter(
    ([path]) => path !== '/metrics' || state.world.telemetry !== undefined,
  )
  const links = there.map(([path, about]) => ({ href: prefix + path, about }))
  page('/', (reply) => {
    const services = contracts.map(({ name, version, owner, description }) => ({ name, version, owner, description }))
    sendJson(reply, state, 200, JSON.stringify({ system: host.system, services, links }))
  })
}
