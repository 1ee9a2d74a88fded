/**
 * `node peers.test-support.ts SDKS JAVA RSYSLOG`, the folders of what is installed: a service of ours, one in Python, one in Java and one in Node, and
 * rsyslog, tell the collector of themselves, by their own SDKs; Prometheus and Zipkin's pages read it. A line for each check.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as sentry from '@sentry/node'
import { check } from '@dure/testing/foreign'
import { freePort } from '@dure/testing/servers'
import { contract, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { collector } from '../collector.ts'
import { program, until, type Running } from './child.test-support.ts'
import { startRsyslog, startWarehouse } from './services.test-support.ts'
import { withZipkinPages } from './zipkin-ui.test-support.ts'

const run = promisify(execFile)
const [sdks = '', java = '', rsyslog = ''] = process.argv.slice(2)
const prometheus = join(sdks, 'prometheus/usr/bin/prometheus')
const folder = mkdtempSync(join(tmpdir(), 'dure-telemetry-'))

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { price: query({ input: z.string(), output: z.string(), deadline: 60_000 }) },
})
const prometheusPort = await freePort()
const written = `http://127.0.0.1:${prometheusPort}/api/v1/write`
const door = collector({ port: 0, forward: [{ to: 'remote-write', url: written }] })
const shop = service(Shop, {
  handlers: {
    price: async (product, { traceparent, log, fetch }) => {
      log.warn('Asking services in Python and in Java', { product })
      const words = [join(sdks, 'telemetry.py'), url, traceparent ?? '', 'public']
      await run(join(sdks, 'venv/bin/python'), words, { timeout: 120_000 })
      const answer = await fetch(`http://127.0.0.1:${warehouse.port}/stock/${product}`)
      if (answer.status !== 204) throw new Error(`The warehouse answered ${answer.status}`)
      const [, traceId = ''] = traceparent?.split('-') ?? []
      const at = [
        '--server',
        '127.0.0.1',
        '--port',
        String(syslog.port),
        '--tcp',
        '--tag',
        'backup',
        '--priority',
        'user.warning',
      ]
      await run('logger', [...at, `Copied the prices of ${product}, trace_id=${traceId}`], { timeout: 120_000 })
      return 'told'
    },
  },
})
const app = system('shop', { services: [shop], doors: [door], telemetry: { sampling: 1 } })
const running = await start(app, { directory: folder, log: silentLogger() })
const url = running.doors[0]!.url!
const { store } = door.collected()!
const warehouse = await startWarehouse(java, url)
const syslog = await startRsyslog(rsyslog, { directory: join(folder, 'rsyslog'), collector: Number(new URL(url).port) })
let traceId = ''
const scraping = startPrometheus()

try {
  await check(
    'a service in Python, by OpenTelemetry’s SDK in protobuf, is in one trace with ours, its lines found from it',
    async () => {
      assert.equal(await running.client(Shop).price('tea'), 'told')
      const [spans, lines] = await until(async () => {
        const [trace] = await store.listTraces({ service: 'pricing', limit: 1 })
        if (trace === undefined) return undefined
        const all = await store.readTrace((traceId = trace.traceId))
        const found = (await store.searchLogs({ traceId, limit: 20 })).lines
        const isThere = (service: string): boolean =>
          all.some((span) => span.service === service) && found.some((line) => line.service === service)
        return isThere('shop') && isThere('pricing') ? ([all, found] as const) : undefined
      })
      const price = spans.find(({ name }) => name === 'price')!
      const ours = spans.find(({ name }) => name === 'shop.price')!
      assert.equal(price.parentId, ours.spanId)
      assert.equal(price.events.length, 2)
      const [told] = lines.filter((line) => line.service === 'pricing')
      assert.deepEqual([told!.body, told!.level, told!.spanId], ['Looking for the price of tea', 'warn', price.spanId])
      const { series } = await store.metricSeries({ name: 'prices.asked', from: 0, to: Date.now() + 60_000, limit: 1 })
      assert.deepEqual([series[0]!.points.at(-1)!.value, series[0]!.attributes], [3, { product: 'tea' }])
    },
  )

  await check(
    'a service in Java, by OpenTelemetry’s agent, is in the same trace, its lines and its exception found from it',
    async () => {
      const [spans, lines] = await until(async () => {
        const all = await store.readTrace(traceId)
        const found = (await store.searchLogs({ traceId, service: 'warehouse', limit: 10 })).lines
        return all.some(({ service: of }) => of === 'warehouse') && found.length === 2 ? ([all, found] as const) : undefined
      })
      const served = spans.find(({ service: of, kind }) => of === 'warehouse' && kind === 'server')!
      const asked = spans.find(({ spanId }) => spanId === served.parentId)!
      assert.deepEqual([asked.service, asked.kind, asked.attributes['http.request.method']], ['shop', 'client', 'GET'])
      assert.equal(served.resource['service.version'], '1.4')
      const bodies = lines.map(({ body, level, spanId }) => [body, level, spanId])
      assert.deepEqual(bodies.toReversed(), [
        ['Few are left of tea', 'warn', served.spanId],
        ['The shelf cannot be counted', 'error', served.spanId],
      ])
      const [group] = await store.exceptionGroups({ service: 'warehouse', limit: 10 })
      assert.deepEqual([group!.type, group!.lastVersion], ['java.lang.IllegalStateException', '1.4'])
    },
  )

  await check('what logger tells rsyslog is found from the trace', async () => {
    const line = await until(async () => (await store.searchLogs({ traceId, service: 'backup', limit: 10 })).lines[0])
    assert.match(line.body, /^ ?Copied the prices of tea, trace_id=[0-9a-f]{32}$/)
    assert.equal(line.level, 'warn')
  })

  await check('exceptions in Python by OpenTelemetry and by Sentry’s SDK are grouped, without local variables', async () => {
    const groups = await store.exceptionGroups({ service: 'pricing', limit: 10 })
    const samples = (await Promise.all(groups.map(({ fingerprint }) => store.exceptionSamples(fingerprint)))).flat()
    assert.ok(groups.length > 0 && groups.every(({ type }) => type.endsWith('ValueError')), JSON.stringify(groups))
    assert.ok(
      groups.some(({ times, lastVersion }) => times === 2 && lastVersion === '3.1'),
      JSON.stringify(groups),
    )
    assert.ok(!JSON.stringify(samples).includes('a local secret'))
  })

  await check('@sentry/node tells of errors, which are one group', async () => {
    sentry.init({
      dsn: `${url.replace('//', '//public@')}/7`,
      release: 'web@2.0',
      tracesSampleRate: 1,
      defaultIntegrations: false,
    })
    const failing = (n: number): never => {
      throw new TypeError(`Cannot read "price" of order ${n}`)
    }
    for (let n = 1; n <= 3; n++) {
      try {
        failing(n)
      } catch (error) {
        sentry.captureException(error)
      }
    }
    assert.ok(await sentry.flush(30_000))
    const [group, ...others] = await store.exceptionGroups({ service: 'web', limit: 10 })
    assert.deepEqual([group!.type, group!.firstVersion, group!.times, others.length], ['TypeError', '2.0', 3, 0])
    const [sample] = await store.exceptionSamples(group!.fingerprint)
    assert.match(sample!.stack, /at failing \(/)
  })

  await check('Debian’s Prometheus scrapes all of it, and is written to', async () => {
    const ask = async (expression: string): Promise<readonly { metric: Record<string, string>; value: [number, string] }[]> => {
      const answer = await fetch(`http://127.0.0.1:${prometheusPort}/api/v1/query?query=${encodeURIComponent(expression)}`)
      return ((await answer.json()) as { data: { result: [] } }).data.result
    }
    // What is scraped has the name of a job, and what is written has none.
    for (const job of ['dure', '']) {
      const asked = await until(async () => {
        const [one] = await ask(`prices_asked_total{job="${job}"}`).catch(() => [])
        const [took] = await ask(`rpc_server_call_duration_seconds_count{rpc_method="price",job="${job}"}`).catch(() => [])
        return took === undefined ? undefined : one
      })
      assert.deepEqual([asked.metric['service_name'], asked.metric['product'], asked.value[1]], ['pricing', 'tea', '3'])
    }
  })

  await check('Zipkin’s pages read it: the trace among others, its spans, and who asks whom', async () => {
    await withZipkinPages({ lens: join(java, 'zipkin-lens'), url }, async (page, at, wrong) => {
      await page.goto(`${at}/?serviceName=warehouse&lookback=1h&limit=10`)
      await page.getByText('RUN QUERY').click()
      await page.getByText('shop: ').first().waitFor()
      await page.goto(`${at}/traces/${traceId}`)
      for (const text of ['shop.price', 'pricing', 'warehouse']) await page.getByText(text).first().waitFor()
      const now = Date.now()
      const asked = page.waitForResponse((response) => response.url().includes('/api/v2/dependencies'))
      await page.goto(`${at}/dependency?startTime=${now - 3_600_000}&endTime=${now}`)
      const edges = (await (await asked).json()) as readonly { readonly parent: string; readonly child: string }[]
      assert.deepEqual(edges.map(({ parent, child }) => `${parent} → ${child}`).toSorted(), [
        'shop → pricing',
        'shop → warehouse',
      ])
      assert.deepEqual(wrong, [])
    })
  })
} finally {
  await scraping.stop()
  await syslog.stop()
  await warehouse.stop()
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
}

function startPrometheus(): Running {
  const config = `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: dure\n    static_configs: [{ targets: ['${new URL(url).host}'] }]\n`
  writeFileSync(join(folder, 'prometheus.yml'), config)
  return program([
    ...[prometheus, `--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`],
    ...['--web.enable-remote-write-receiver', `--web.listen-address=127.0.0.1:${prometheusPort}`, '--log.level=error'],
  ])
}
