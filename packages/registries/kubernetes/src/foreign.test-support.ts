/** What callers make of EndpointSlices, and services of a ConfigMap, that kubectl writes to a real kube-apiserver: one line a check. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { missingServer } from '@dure/testing/servers'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { kubernetesConfig } from './config.ts'
import { open, pod, seen, slice, SLICES, started, until } from './kubernetes.test-support.ts'

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

const reason = missingServer('kubernetes')
if (reason !== false) {
  console.log(`✖ kubernetes: not run: ${reason}; npm run servers -- kubernetes builds it`)
  process.exit(1)
}
const ends: (() => unknown)[] = []
const later = { after: (end: unknown) => void ends.unshift(end as () => unknown) }
const { server, kubeconfig, ask } = await started(later)

function kubectl(words: readonly string[], input: object | undefined = undefined): string {
  const given = input === undefined ? {} : { input: JSON.stringify(input) }
  const { status, stdout, stderr } = spawnSync('kubectl', ['--kubeconfig', kubeconfig, ...words], { encoding: 'utf8', ...given })
  assert.equal(status, 0, stderr)
  return stdout
}

/** A service that says which it is, as a pod would. */
async function answering(name: string): Promise<Server> {
  const answers = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
  await once(answers, 'listening')
  later.after(() => answers.close())
  return answers
}
const portOf = (answers: Server): number => (answers.address() as AddressInfo).port
const [one, two] = [await answering('one'), await answering('two')]

// Kubernetes takes no address of this machine alone, so pods have names here.
const registry = await open(later, { kubeconfig, lookup: () => '127.0.0.1', heartbeat: 500, timeout: 2_000 })
async function call(): Promise<string> {
  const at = registry.instances('orders').find(({ status }) => status === 'up')?.endpoints['http']
  if (at?.kind !== 'tcp') return 'nobody'
  return (await fetch(`http://${at.host}:${at.port}/`)).text()
}
const sliceOf = (name: string, port: number): object =>
  slice(name, 'orders', {
    addressType: 'FQDN',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [pod(name, `${name}.shop.test`)],
  })
/** Milliseconds until callers are answered so. */
async function moved(to: string, work: () => unknown): Promise<number> {
  await work()
  const began = performance.now()
  await until(`callers are answered by ${to}`, async () => (await call()) === to)
  const ms = performance.now() - began
  assert.ok(ms < 1_000, `callers moved after ${ms.toFixed(0)} ms`)
  return ms
}

try {
  await check('kubectl writes EndpointSlices', async () => {
    const first = await moved('one', () => kubectl(['apply', '-f', '-'], sliceOf('one', portOf(one))))
    kubectl(['apply', '-f', '-'], sliceOf('two', portOf(two)))
    await until('both are seen', () => seen(registry) === 'one up, two up')
    const conditions = { ready: false, serving: true, terminating: true }
    const drained = { endpoints: [{ ...pod('one', 'one.shop.test'), conditions }] }
    const patch = ['patch', 'endpointslice', 'one', '--type=merge', '-p', JSON.stringify(drained)]
    const second = await moved('two', () => kubectl(patch))
    assert.equal(seen(registry), 'one draining, two up')
    const third = await moved('nobody', () => kubectl(['delete', 'endpointslice', 'one', 'two']))
    return `callers moved ${[first, second, third].map((ms) => ms.toFixed(0)).join(', ')} ms after kubectl had written`
  })
  await check('kubectl changes a ConfigMap that settings are read from', async () => {
    const write = (greeting: string): void => {
      const data = { 'application.yml': `greeting: ${greeting}\n` }
      kubectl(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop' }, data })
    }
    write('first')
    const world = { directory: '.', runtime: realRuntime(), log: silentLogger() }
    const source = await kubernetesConfig({ from: [{ kind: 'ConfigMap', name: 'shop' }], kubeconfig })(world)
    later.after(() => source.stop())
    const greeting = async (): Promise<unknown> => (await source.read()).layers[0]?.values.get('greeting')?.value
    assert.equal(await greeting(), 'first')
    let told = 0
    source.watch(() => void told++)
    const took: number[] = []
    for (const next of ['second', 'third', 'fourth']) {
      const before = told
      write(next)
      const began = performance.now()
      await until('it is told', () => told > before)
      took.push(performance.now() - began)
      assert.equal(await greeting(), next)
    }
    for (const ms of took) assert.ok(ms < 1_000, `it arrived after ${ms.toFixed(0)} ms`)
    return `it arrived ${took.map((ms) => ms.toFixed(0)).join(', ')} ms after kubectl had written`
  })
  await check('its etcd compacts while nobody watches', async () => {
    const watched = await open(later, { kubeconfig, lookup: () => '127.0.0.1', heartbeat: 500, timeout: 2_000 })
    kubectl(['apply', '-f', '-'], sliceOf('one', portOf(one)))
    await until('it is seen', () => seen(watched) === 'one up')
    await server.crash()
    await server.start()
    await until('it is ready', async () => (await ask('GET', '/readyz').catch(() => undefined))?.status === 200, 180_000)
    kubectl(['delete', 'endpointslice', 'one'])
    kubectl(['apply', '-f', '-'], sliceOf('two', portOf(two)))
    const { ports } = server
    const etcd = (path: string, words: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${ports['etcd']}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(words) })
    const { header } = (await (await etcd('range', { key: 'YQ==' })).json()) as { readonly header: { readonly revision: string } }
    assert.equal((await etcd('compaction', { revision: header.revision, physical: true })).status, 200)
    const old = await ask('GET', `${SLICES}?watch=true&timeoutSeconds=2&resourceVersion=1`)
    assert.match(JSON.stringify(old.body), /too old resource version|"code":410/)
    await until('it is as in Kubernetes', () => seen(watched) === 'two up' && watched.freshness().fresh)
    return `an old version is answered with 410; nobody who has gone stays, who is new is called`
  })
} finally {
  for (const end of ends) await end()
}
if (failed) process.exitCode = 1
