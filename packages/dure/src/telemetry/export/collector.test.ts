import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { span } from '../span.test-support.ts'
import { silentLogger, type LogRecord, type TelemetrySink } from '../telemetry.ts'
import { collectorSocket, createMetrics } from '../internal.ts'
import { collectorSink } from './collector.ts'

type Got = { readonly path: string; readonly body: Record<string, unknown> }

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-collector-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function sinkIn(t: TestContext, directory: string): TelemetrySink {
  const sink = collectorSink()({
    system: 'shop',
    directory,
    runtime: realRuntime(),
    log: silentLogger(),
    metrics: createMetrics(),
  })
  t.after(() => sink.stop({ timeout: 0 }))
  return sink
}

/** A collector that writes down what it gets. */
async function receiver(
  t: TestContext,
  directory: string,
  answer?: () => void,
): Promise<{ readonly got: Got[]; readonly server: Server }> {
  const got: Got[] = []
  const server = createServer(async (request, response) => {
    got.push({ path: request.url!, body: JSON.parse(await text(request)) as Got['body'] })
    answer?.()
    response.end('{}')
  })
  server.listen(collectorSocket(directory))
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, server }
}

const line = (message: string): LogRecord => ({
  ...{
    time: 1_700_000_000_000.5,
    level: 'warn',
    message,
    service: 'orders',
    traceId: undefined,
    spanId: undefined,
    attributes: { tries: 2 },
  },
})

test('spans and lines go to the collector of the directory, those of the first moments as well', async (t) => {
  const directory = folder(t)
  const sink = sinkIn(t, directory)
  sink.take(span({}))
  sink.log!(line('Before it was there'))
  const { got } = await receiver(t, directory)
  // It looks again after a second, and not before.
  while (got.length < 2) {
    sink.log!(line('Then'))
    await sink.flush()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.deepEqual(got.map(({ path }) => path).toSorted(), ['/v1/logs', '/v1/traces'])
  const logs = got.find(({ path }) => path === '/v1/logs')!.body as {
    resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[]
  }
  const [first] = logs.resourceLogs[0]!.scopeLogs[0]!.logRecords
  assert.deepEqual(first, {
    ...{ timeUnixNano: '1700000000000500000', severityNumber: 13, severityText: 'warn' },
    ...{ body: { stringValue: 'Before it was there' }, attributes: [{ key: 'tries', value: { intValue: '2' } }] },
  })
  assert.equal(sink.dropped(), 0)
})

test('without a collector nothing is kept for long, and nothing counted', async (t) => {
  const sink = sinkIn(t, folder(t))
  for (let i = 0; i < 5_000; i++) sink.take(span({}))
  await sink.flush()
  assert.equal(sink.dropped(), 0)
})

test('one that stands still costs no more than memory up to a bound: the rest is dropped and counted', async (t) => {
  const directory = folder(t)
  const server = createServer(() => {
    // It takes the request, and never answers.
  })
  server.listen(collectorSocket(directory))
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const sink = sinkIn(t, directory)
  for (let i = 0; i < 10_000; i++) sink.take(span({}))
  assert.equal(sink.dropped(), 10_000 - 4_096)
  await sink.stop({ timeout: 1 })
  assert.equal(sink.dropped(), 10_000)
})

test('one that was killed leaves its socket: what is meant for it waits, and goes to the next one', async (t) => {
  const directory = folder(t)
  const { server } = await receiver(t, directory)
  const sink = sinkIn(t, directory)
  // Its socket stays, as after a kill, and nobody answers there.
  const path = collectorSocket(directory)
  const { linkSync } = await import('node:fs')
  linkSync(path, `${path}.left`)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  linkSync(`${path}.left`, path)
  sink.log!(line('While nobody answers'))
  const flushed = sink.flush()
  rmSync(path)
  const { got } = await receiver(t, directory)
  await flushed
  assert.equal(got.length, 1)
  assert.equal(sink.dropped(), 0)
})
