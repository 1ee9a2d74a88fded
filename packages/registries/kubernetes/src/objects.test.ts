import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { kubernetesObjects, type KubernetesObjects, type KubernetesObjectsOptions } from './kubernetes.ts'
import { until } from './kubernetes.test-support.ts'
import { answering, GONE, line, listOf, versioned } from './server.test-support.ts'

async function open(t: TestContext, options: Partial<KubernetesObjectsOptions>) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-kubernetes-'))
  const said: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (text) => void said.push(text) })
  const kinds = ['Ingress', 'Service'] as const
  const objects = await kubernetesObjects({ kinds, ...options })({ directory, runtime: realRuntime(), log })
  t.after(async () => {
    await objects.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { objects, said }
}
const names = (objects: KubernetesObjects): string =>
  objects
    .objects()
    .map((each) => `${String(each['kind'])} ${String((each['metadata'] as { name: string }).name)}`)
    .toSorted()
    .join(', ')
const named = (name: string, version = '7'): object => versioned({ metadata: { name, managedFields: [{}] } }, version)

test('objects are listed and watched by kind; while the server is away the last are kept, and said to be stale', async (t) => {
  let there = true
  let version = 7
  const watching = new Map<string, ServerResponse>()
  const kindOf = ({ url }: IncomingMessage): string => (url!.includes('/services') ? 'Service' : 'Ingress')
  /** Who was told that it is away: one who was not goes on with its watch, and is not told of what changed meanwhile. */
  const refused = new Set<string>()
  const refuse = (request: IncomingMessage, response: ServerResponse): void => {
    refused.add(kindOf(request))
    response.writeHead(503).end('{"message":"it is not ready"}')
  }
  const kubeconfig = await answering(t, {
    list: (query, response, request) => {
      if (!there) return refuse(request, response)
      const services = request.url!.startsWith('/api/v1/namespaces/shop/services')
      assert.ok(services || request.url!.startsWith('/apis/networking.k8s.io/v1/namespaces/shop/ingresses'), request.url!)
      if (query.get('limit') === '1') return void response.end(listOf(String(version)))
      response.end(listOf(String(version), named(services ? 'orders' : `web-${version}`)))
    },
    watch: (_query, response, request) => {
      if (!there) return refuse(request, response)
      response.writeHead(200).flushHeaders()
      watching.set(kindOf(request), response)
    },
  })
  const { objects, said } = await open(t, { kubeconfig, heartbeat: 100 })
  assert.equal(names(objects), 'Ingress web-7, Service orders')
  const [ingress] = objects.objects()
  assert.equal(ingress!['apiVersion'], 'networking.k8s.io/v1')
  assert.equal((ingress!['metadata'] as { managedFields: unknown }).managedFields, undefined)
  let changes = 0
  const watcher = objects.watch(() => changes++)
  await until('both are watched', () => watching.size === 2)
  watching.get('Ingress')!.write(line('ADDED', named('api', '8')))
  watching.get('Service')!.write(line('DELETED', named('orders', '8')))
  await until('changes are heard', () => names(objects) === 'Ingress api, Ingress web-7')
  assert.equal(changes, 2)
  // It is told that its version is forgotten, and lists anew.
  version = 9
  watching.get('Ingress')!.write(line('ERROR', GONE))
  await until('nobody stays who has gone', () => names(objects) === 'Ingress web-9')
  assert.deepEqual(objects.freshness(), { fresh: true })
  there = false
  for (const response of watching.values()) response.end()
  await until('it is away', () => !objects.freshness().fresh && refused.size === 2)
  assert.equal(names(objects), 'Ingress web-9')
  there = true
  version = 10
  await until('it is back', () => objects.freshness().fresh && names(objects) === 'Ingress web-10, Service orders')
  assert.deepEqual(
    said.flatMap((each) => /Kubernetes is (?:away|back)/.exec(each) ?? []),
    ['Kubernetes is away', 'Kubernetes is back'],
  )
  watcher.stop()
})

test('a server that is not there: it opens with nothing, which is stale', async (t) => {
  const kubeconfig = await answering(t, {
    list: (_query, response) => void response.writeHead(403).end('{"message":"services is forbidden"}'),
    watch: (_query, response) => response.end(),
  })
  const { objects, said } = await open(t, { kubeconfig })
  assert.deepEqual([objects.objects(), objects.freshness().fresh], [[], false])
  assert.match(said[0]!, /is stale.*it answered 403: services is forbidden/)
  await assert.rejects(async () => kubernetesObjects({ kinds: [], heartbeat: 0 })({} as never), /"heartbeat" is 0/)
})
