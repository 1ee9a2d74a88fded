/**
 * `node peers.test-support.ts PYTHON PROGRAM PROMETHEUS`: a service of ours, one in Python and one in Node tell the collector of themselves, by their own
 * SDKs, and Prometheus scrapes it; a line for each check.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
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
import { collector } from './collector.ts'

const run = promisify(execFile)
const [python = '', program = '', prometheus = ''] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-telemetry-'))
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100))

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { price: query({ input: z.string(), output: z.string(), deadline: 60_000 }) },
})
const door = collector({ port: 0 })
const shop = service(Shop, {
  handlers: {
    price: async (product, { traceparent, log }) => {
      log.warn('Asking a service in Python', { product })
      const url = running.doors[0]!.url!
      await run(python, [program, url, traceparent ?? '', 'public'], { timeout: 120_000 })
      return 'told'
    },
  },
})
const app = system('shop', { services: [shop], doors: [door], telemetry: { sampling: 1 } })
const running = await start(app, { directory: folder, log: silentLogger() })
const url = running.doors[0]!.url!
const { store } = door.collected()!

try {
  await check(
    'a service in Python, by OpenTelemetry’s SDK in protobuf, is in one trace with ours, its lines found from it',
    async () => {
      assert.equal(await running.client(Shop).price('tea'), 'told')
      for (;;) {
        const [trace] = await store.listTraces({ service: 'pricing', limit: 1 })
        const spans = trace === undefined ? [] : await store.readTrace(trace.traceId)
        const lines = trace === undefined ? [] : (await store.searchLogs({ traceId: trace.traceId, limit: 10 })).lines
        if (new Set(spans.map((span) => span.service)).size < 2 || new Set(lines.map((line) => line.service)).size < 2) {
          await pause()
          continue
        }
        const price = spans.find(({ name }) => name === 'price')!
        const ours = spans.find(({ name }) => name === 'shop.price')!
        assert.equal(price.parentId, ours.spanId)
        assert.equal(price.events.length, 2)
        const [told] = lines.filter((line) => line.service === 'pricing')
        assert.deepEqual([told!.body, told!.level, told!.spanId], ['Looking for the price of tea', 'warn', price.spanId])
        break
      }
      const { series } = await store.metricSeries({ name: 'prices.asked', from: 0, to: Date.now() + 60_000, limit: 1 })
      assert.deepEqual([series[0]!.points.at(-1)!.value, series[0]!.attributes], [3, { product: 'tea' }])
    },
  )

  await check('its exceptions by OpenTelemetry and by Sentry’s SDK are grouped, without local variables', async () => {
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

  await check('Debian’s Prometheus scrapes all of it', async () => {
    const port = await freePort()
    const target = new URL(url).host
    const config = `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: dure\n    static_configs: [{ targets: ['${target}'] }]\n`
    writeFileSync(join(folder, 'prometheus.yml'), config)
    const words = [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`]
    const child = spawn(prometheus, [...words, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' })
    try {
      const ask = async (expression: string): Promise<readonly { metric: Record<string, string>; value: [number, string] }[]> => {
        const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`)
        return ((await answer.json()) as { data: { result: [] } }).data.result
      }
      for (;;) {
        const [asked] = await ask('prices_asked_total').catch(() => [])
        const [took] = await ask('rpc_server_call_duration_seconds_count{rpc_method="price"}').catch(() => [])
        if (asked === undefined || took === undefined) {
          await pause()
          continue
        }
        assert.deepEqual([asked.metric['service_name'], asked.metric['product'], asked.value[1]], ['pricing', 'tea', '3'])
        break
      }
    } finally {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  })
} finally {
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
}
