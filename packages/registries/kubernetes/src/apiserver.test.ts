import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asking, missing, open, pod, seen, slice, SLICES, started, until } from './kubernetes.test-support.ts'

test('a real kube-apiserver: listed, watched, compacted, killed', { skip: missing, timeout: 240_000 }, async (t) => {
  const { server, kubeconfig, ask } = await started(t)
  const made = await ask('POST', SLICES, slice('orders-1', 'orders', { endpoints: [pod('a', '10.0.1.1'), pod('b', '10.0.1.2')] }))
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const registry = await open(t, { kubeconfig, timeout: 2_000, heartbeat: 500 })
  assert.deepEqual(registry.instances('orders')[0], {
    ...{ service: 'orders', id: 'uid-a', version: '1.2.3', status: 'up' },
    endpoints: { http: { kind: 'tcp', host: '10.0.1.1', port: 8080 } },
    metadata: { zone: 'seoul-a', node: 'node-1', pod: 'a' },
  })

  const merge = 'application/merge-patch+json'
  const terminating = { conditions: { ready: false, serving: true, terminating: true } }
  const began = performance.now()
  await ask('PATCH', `${SLICES}/orders-1`, { endpoints: [pod('a', '10.0.1.1', terminating), pod('c', '10.0.1.3')] }, merge)
  await until('callers have moved', () => seen(registry) === 'a draining, c up')
  assert.ok(performance.now() - began < 5_000)

  const lookup = (name: string): string => (name === 'local.test' ? '127.0.0.1' : name)
  const elsewhere = await open(t, { kubeconfig, lookup })
  await ask('POST', SLICES, slice('billing-1', 'billing', { addressType: 'FQDN', endpoints: [{ addresses: ['local.test'] }] }))
  await until('a name is an address too', () => elsewhere.instances('billing').length === 1)
  assert.deepEqual(elsewhere.instances('billing')[0]?.endpoints['http'], { kind: 'tcp', host: '127.0.0.1', port: 8080 })
  assert.equal((await ask('POST', SLICES, slice('no', 'no', { endpoints: [{ addresses: ['127.0.0.1'] }] }))).status, 422)

  await server.crash()
  await until('it is known to be away', () => !registry.freshness().fresh)
  assert.equal(seen(registry), 'a draining, c up')
  await server.start()
  await until(
    'it is ready',
    async () => (await asking(kubeconfig)('GET', '/readyz').catch(() => undefined))?.status === 200,
    60_000,
  )
  await ask('DELETE', `${SLICES}/orders-1`)
  await until('it goes on', () => registry.freshness().fresh && seen(registry) === '')
})
