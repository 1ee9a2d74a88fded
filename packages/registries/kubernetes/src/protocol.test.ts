import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { open, pod, seen, slice, until } from './kubernetes.test-support.ts'
import { answering, GONE, line, listOf, versioned } from './server.test-support.ts'

const orders = (...names: readonly string[]): object =>
  slice('orders-1', 'orders', { endpoints: names.map((name, at) => pod(name, `10.0.0.${at + 1}`)) })
test('a version that is forgotten, said by an event or a status: it is listed anew, and nobody stays who has gone', async (t) => {
  let version = 7
  const lists: string[] = []
  const watched: (string | null)[] = []
  let watching: ServerResponse | undefined
  const kubeconfig = await answering(t, {
    list: (query, response, request) => {
      assert.equal(request.headers.authorization, 'Bearer a-token')
      assert.ok(request.url!.startsWith('/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=team%3Dshop'))
      if (query.get('limit') !== '1') lists.push(String(version))
      response.end(version === 7 ? listOf('7', orders('a', 'ghost')) : listOf(String(version), orders('a', `new-${version}`)))
    },
    watch: (query, response) => {
      watched.push(query.get('resourceVersion'))
      watching = response
      response.writeHead(version === 8 ? 410 : 200)
      if (version === 8) {
        version = 9
        response.end(JSON.stringify(GONE))
      } else response.flushHeaders()
    },
  })
  const registry = await open(t, { kubeconfig, selector: 'team=shop', heartbeat: 100 })
  assert.equal(seen(registry), 'a up, ghost up')
  await until('it is watched', () => watching !== undefined)
  version = 8
  watching!.write(line('ERROR', GONE))
  await until('it is listed until it is watched', () => seen(registry) === 'a up, new-9 up' && watched.length === 3)
  assert.deepEqual(
    [lists, watched],
    [
      ['7', '8', '9'],
      ['7', '8', '9'],
    ],
  )
  assert.equal(registry.freshness().fresh, true)
})

test('bookmarks, a watch that ends, and pages: it goes on from where it is', async (t) => {
  const watched: (string | null)[] = []
  const continued: (string | null)[] = []
  const kubeconfig = await answering(t, {
    list: (query, response) => {
      if (query.get('limit') !== '1') continued.push(query.get('continue'))
      const first = query.get('continue') === null
      const page = JSON.parse(listOf('7', first ? orders('a') : slice('stock-1', 'stock', { endpoints: [pod('s', '10.0.0.9')] })))
      response.end(JSON.stringify({ ...page, metadata: { resourceVersion: '7', ...(first && { continue: 'more' }) } }))
    },
    watch: (query, response) => {
      const at = query.get('resourceVersion')
      watched.push(at)
      response.flushHeaders()
      if (at === '7')
        response.end(line('MODIFIED', versioned(orders('b'), '8')) + line('BOOKMARK', { metadata: { resourceVersion: '20' } }))
      else if (at === '20') {
        // An event may come in pieces, in the midst of a letter.
        const bytes = Buffer.from(line('MODIFIED', versioned(orders('주문'), '21')))
        const middle = bytes.indexOf(Buffer.from('문')) + 1
        response.write(bytes.subarray(0, middle))
        setTimeout(() => response.write(bytes.subarray(middle)), 20)
      }
    },
  })
  const registry = await open(t, { kubeconfig })
  await until('it is there', () => seen(registry) === '주문 up')
  assert.deepEqual(
    [continued, watched, registry.services()],
    [
      [null, 'more'],
      ['7', '20'],
      ['orders', 'stock'],
    ],
  )
})

test('half a line, nonsense, a cut, a server that stands still: what is known is kept and said to be stale', async (t) => {
  let answer: (response: ServerResponse) => void = (response) => void response.flushHeaders()
  let still = false
  let watches = 0
  let last: ServerResponse | undefined
  const kubeconfig = await answering(t, {
    list: (_query, response) => void (still || response.end(listOf('7', orders('a')))),
    watch: (_query, response) => {
      watches++
      last = response
      answer(response)
    },
  })
  const registry = await open(t, { kubeconfig, heartbeat: 50, timeout: 300 })
  for (const [name, how] of [
    ['half', (response) => response.end('{"type":"ADDED","obj')],
    ['nonsense', (response) => response.end('<html>\n')],
    ['cut', (response) => void (response.flushHeaders(), setTimeout(() => response.destroy(), 10))],
    ['refused', (response) => void (response.writeHead(403), response.end(JSON.stringify({ message: 'no' })))],
    ['no object', (response) => response.end('{"type":"ADDED"}\n')],
    ['empty', (response) => response.end()],
  ] as readonly (readonly [string, (response: ServerResponse) => void])[]) {
    const before = watches
    answer = how
    last?.destroy()
    await until(`it is stale: ${name}`, () => watches > before && !registry.freshness().fresh)
    assert.equal(seen(registry), 'a up')
    answer = (response) => void response.flushHeaders()
    await until('it is fresh again', () => registry.freshness().fresh)
  }
  still = true
  await until('one that stands still is found out', () => !registry.freshness().fresh)
  still = false
  await until('and found again', () => registry.freshness().fresh)
  assert.equal(seen(registry), 'a up')
})

test('conditions, families of addresses, ports, and slices that are none', async (t) => {
  const said: unknown[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (text) => void said.push(JSON.parse(text)) })
  const conditions = (name: string, at: number, is: object): object => pod(name, `10.0.0.${at}`, { conditions: is })
  const all = slice('orders-1', 'orders', {
    ports: [{ name: 'dure', port: 7 }, { name: '', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }, { name: 'none' }],
    endpoints: [
      conditions('unsaid', 1, {}),
      conditions('ready', 2, { ready: true }),
      conditions('draining', 3, { ready: false, serving: true, terminating: true }),
      conditions('published', 4, { ready: true, serving: true, terminating: true }),
      conditions('gone', 5, { ready: false, serving: false, terminating: true }),
      conditions('down', 6, { ready: false }),
      { addresses: ['10.0.0.7'] },
    ],
  })
  const six = slice('orders-2', 'orders', { addressType: 'IPv6', endpoints: [pod('ready', 'fd00::2'), pod('only6', 'fd00::8')] })
  const strangers = [
    { metadata: { name: 'text' }, addressType: 4 },
    slice('endpoint', 'orders', { endpoints: [{ addresses: 'x' }] }),
    slice('port', 'orders', { ports: [{ port: 'x' }] }),
  ]
  const nobody = { ...slice('nobody', ''), metadata: { name: 'nobody' } }
  const kubeconfig = await answering(t, {
    list: (_query, response) => response.end(listOf('7', six, all, ...strangers, nobody)),
    watch: (_query, response) => response.flushHeaders(),
  })
  const registry = await open(t, { kubeconfig, log })
  assert.equal(
    seen(registry),
    'down down, draining draining, gone down, only6 up, published draining, ready up, undefined up, unsaid up',
  )
  const find = (name: string) => registry.instances('orders').find(({ metadata }) => metadata['pod'] === name)?.endpoints
  const tcp = (host: string, port: number): object => ({ kind: 'tcp', host, port })
  assert.deepEqual(find('ready'), { dure: tcp('10.0.0.2', 7), http: tcp('10.0.0.2', 80) })
  assert.deepEqual(find('only6'), { http: tcp('fd00::8', 8080) })
  assert.deepEqual(
    said.map((each) => (each as { slice?: string }).slice),
    ['text', 'endpoint', 'port'],
  )
})

test('it publishes nothing: Kubernetes registers what runs in it', async (t) => {
  const asked: string[] = []
  const kubeconfig = await answering(t, {
    list: (_query, response, request) => {
      asked.push(request.method!)
      response.end(listOf('7', orders('a')))
    },
    watch: (_query, response) => response.flushHeaders(),
  })
  const registry = await open(t, { kubeconfig })
  const instance = { service: 'stock', id: 's', version: '1.0.0', status: 'up', endpoints: {}, metadata: {} } as const
  const registration = await registry.register(instance)
  await registration.update({ status: 'draining' })
  await registration.stop()
  assert.deepEqual([registry.services(), new Set(asked)], [['orders'], new Set(['GET'])])
})
