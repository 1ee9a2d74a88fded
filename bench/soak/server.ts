/** The process under attack. Tells where it listens, and what it takes up whenever it is asked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listenSocket, type ListenerStatus } from 'dure/call/internal'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { DOCUMENT, Shop } from './shop.ts'

/** Bytes, and seconds of CPU since the start. */
export type Taken = ListenerStatus & {
  readonly rss: number
  readonly heap: number
  readonly buffers: number
  readonly cpu: number
}

/** Told in tests to lose five MiB a second, however busy the machine: a soak that does not notice is no soak. */
const kept: unknown[] = []
if (process.argv.includes('--leak')) {
  const begun = performance.now()
  setInterval(() => {
    const wanted = ((performance.now() - begun) / 1_000) * 80
    while (kept.length < wanted) kept.push(Array.from({ length: 8_192 }, () => 0))
  }, 50).unref()
}

const directory = mkdtempSync(join(tmpdir(), 'dure-soak-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const log = silentLogger()
const document = 'x'.repeat(DOCUMENT)
const shop = service(Shop, {
  handlers: {
    place: async ({ orderId, lines }) => {
      return { orderId, total: lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0) }
    },
    document: async () => document,
    ticks: async function* () {
      for (let n = 0; ; n++) yield n
    },
    linger: (_input, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  },
})
const running = await start(system('soak', { services: [shop] }), { directory, log })
// With the limits that everybody has by default.
const listener = await listenSocket({
  address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
  transport: running.transport,
  runtime: realRuntime(),
  log,
})

process.on('message', () => {
  globalThis.gc!()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const { user, system: kernel } = process.cpuUsage()
  const taken: Taken = { ...listener.status(), rss, heap: heapUsed, buffers: arrayBuffers, cpu: (user + kernel) / 1e6 }
  process.send!(taken)
})
process.on('disconnect', () => process.exit())
process.send!(listener.address)
