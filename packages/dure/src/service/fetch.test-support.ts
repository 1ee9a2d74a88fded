import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, event } from '../contract/contract.ts'
import { database, type Database } from '../data/data.ts'
import { silentLogger, type Span, type TelemetryOptions, type TelemetrySink } from '../telemetry/telemetry.ts'
import { service, start, system, type ServiceContext } from './service.ts'

export const Asked = event('asked', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Asker = contract('asker', {
  version: '1.0.0',
  owner: 'tests',
  operations: { ask: command({ output: z.string(), deadline: 10_000 }) },
  events: [Asked],
})

type Context = ServiceContext & { readonly database: Database<unknown> }
type Ask = (context: Context) => Promise<string> | string

/** A service that asks a server of somebody else's, what the server heard, and the spans. */
export async function run(t: TestContext, serve: RequestListener, telemetry: TelemetryOptions | false = { sampling: 1 }) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-fetch-'))
  const heard: IncomingHttpHeaders[] = []
  const gone: string[] = []
  const server = createServer((request, response) => {
    heard.push(request.headers)
    response.on('close', () => void (response.writableFinished || gone.push(request.url!)))
    serve(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const spans: Span[] = []
  const traces: (string | undefined)[] = []
  const sink: TelemetrySink = {
    ...{ name: 'test', take: (span) => void spans.push(span), dropped: () => 0 },
    ...{ flush: () => Promise.resolve(), stop: () => Promise.resolve() },
  }
  const asking: { ask: Ask } = { ask: () => '' }
  const asker = service(Asker, {
    database: database({ migrations: {} }),
    handlers: {
      ask: async (_input, context) => {
        traces.push(context.traceparent)
        return asking.ask(context as unknown as Context)
      },
    },
    subscriptions: ({ on }) => [
      on(Asked, {
        prepare: async (_event, context) => void traces.push(context.traceparent, await textOf(context, url)),
        handle: () => {},
      }),
    ],
  })
  const running = await start(
    system('asking', {
      services: [asker],
      telemetry: telemetry === false ? false : { ...telemetry, exporters: [() => sink] },
    }),
    { directory, log: silentLogger() },
  )
  t.after(async () => {
    await running.stop()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const ask = (how: Ask, options?: Parameters<ReturnType<typeof running.client<typeof Asker>>['ask']>[1]): Promise<string> => {
    asking.ask = how
    return running.client(Asker).ask(undefined, options)
  }
  return { ask, url, heard, gone, spans, traces }
}

export const textOf = async ({ fetch }: ServiceContext, url: string): Promise<string> => (await fetch(url)).text()

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => void setTimeout(resolve, 5))
}

/** That `GET /charges`, whose answer was a 503, is a span of the call, in headers and attributes, and tells no more than it may. */
export function assertSent(spans: readonly Span[], url: string, heard: IncomingHttpHeaders): void {
  const [sent, call] = spans as readonly [Span, Span]
  assert.deepEqual([sent.name, sent.kind, sent.service, sent.parentId], ['GET', 'client', 'asker', call.spanId])
  // Of every failure, whatever it is of, more is said.
  const own = Object.entries(sent.attributes).filter(([name]) => !/^(dure\.)?exception\./.test(name))
  assert.deepEqual(Object.fromEntries(own), {
    'http.request.method': 'GET',
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(url).port),
    'url.full': `${url}/charges`,
    'http.response.status_code': 503,
    'error.type': '503',
  })
  assert.deepEqual([heard['traceparent'], heard['tracestate']], [`00-${sent.traceId}-${sent.spanId}-01`, 'v=1'])
}
