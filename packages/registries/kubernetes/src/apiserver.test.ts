/** What a real kube-apiserver does: one for all of these tests, for it takes seconds to start. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadAllYaml } from '@kubernetes/client-node'
import { realRuntime } from 'dure/runtime'
import { createLogger, silentLogger } from 'dure/telemetry'
import { kubernetesConfig } from './config.ts'
import {
  accountIn,
  asking,
  missing,
  open,
  pod,
  seen,
  slice,
  SLICES,
  started,
  until,
  type Ask,
} from './kubernetes.test-support.ts'

const ends: (() => unknown)[] = []
after(async () => {
  for (const end of ends) await end()
})
let first: ReturnType<typeof started> | undefined
const one = (): ReturnType<typeof started> =>
  (first ??= started({ after: (end: unknown) => void ends.unshift(end as () => unknown) }))

const GUIDE = join(import.meta.dirname, '../../../../docs/guides/kubernetes.md')
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop'
const SHOP_SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices'

/** What the guide says that an account needs. */
function rolesOfTheGuide(): readonly { readonly kind: string }[] {
  const [, yaml] = /```yaml\n(apiVersion: rbac[^`]+)```/.exec(readFileSync(GUIDE, 'utf8'))!
  return loadAllYaml(yaml!) as readonly { readonly kind: string }[]
}

test(
  'the account of the guide reads EndpointSlices and does nothing else; without it, or with it taken away, it is said what Kubernetes says',
  { skip: missing, timeout: 240_000 },
  async (t) => {
    const { server, ask } = await one()
    const kubeconfig = await accountIn(server, ask, 'shop')
    const as = asking(kubeconfig)
    const made = await ask('POST', SHOP_SLICES, slice('orders-1', 'orders', { endpoints: [pod('a', '10.0.1.1')] }))
    assert.equal(made.status, 201, JSON.stringify(made.body))

    const warnings: string[] = []
    const log = createLogger({ clock: realRuntime().clock, write: (line) => void warnings.push(line) })
    const registry = await open(t, { kubeconfig, heartbeat: 100, log })
    assert.deepEqual([seen(registry), registry.freshness().fresh], ['', false])
    const refused =
      /The registry is away.*it answered 403: endpointslices\.discovery\.k8s\.io is forbidden: User \\"system:serviceaccount:shop:default\\" cannot list resource \\"endpointslices\\"/
    assert.match(warnings.join(''), refused)

    for (const object of rolesOfTheGuide()) {
      const { status, body } = await ask('POST', `${RBAC}/${object.kind.toLowerCase()}s`, object)
      assert.equal(status, 201, JSON.stringify(body))
    }
    await until('it is let in', () => registry.freshness().fresh && seen(registry) === 'a up')
    const allowed = async (method: string, path: string, body?: object): Promise<number> => (await as(method, path, body)).status
    assert.deepEqual(
      [
        await allowed('POST', SHOP_SLICES, slice('orders-2', 'orders')),
        await allowed('DELETE', `${SHOP_SLICES}/orders-1`),
        await allowed('GET', '/api/v1/namespaces/shop/secrets'),
        await allowed('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'),
      ],
      [403, 403, 403, 403],
    )
    const elsewhere = await open(t, { kubeconfig, namespace: 'default', heartbeat: 100 })
    assert.equal(elsewhere.freshness().fresh, false)

    // Kubernetes lets a watch that is open go on; the next question is refused.
    warnings.length = 0
    assert.equal((await ask('DELETE', `${RBAC}/rolebindings/dure-registry`)).status, 200)
    await until('it is refused', () => !registry.freshness().fresh)
    assert.equal(seen(registry), 'a up')
    assert.match(warnings.join(''), /The registry is away: what was known of it last is kept.*it answered 403/)
  },
)

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const PATCH = 'application/merge-patch+json'

test(
  'a real kube-apiserver: a ConfigMap that is changed arrives; killed, what was known is stale; then it goes on',
  { skip: missing, timeout: 240_000 },
  async (t) => {
    const { server, kubeconfig, ask } = await one()
    const say = (how: Parameters<Ask>[0], text: string): ReturnType<Ask> =>
      how === 'POST'
        ? ask('POST', CONFIG_MAPS, { metadata: { name: 'shop' }, data: { 'application.yml': `greeting: ${text}` } })
        : ask('PATCH', `${CONFIG_MAPS}/shop`, { data: { 'application.yml': `greeting: ${text}` } }, PATCH)
    assert.equal((await say('POST', 'first')).status, 201)
    const from = [{ kind: 'ConfigMap', name: 'shop' }] as const
    const world = { directory: '.', runtime: realRuntime(), log: silentLogger() }
    const source = await kubernetesConfig({ from, kubeconfig, heartbeat: 500, timeout: 2_000 })(world)
    t.after(() => source.stop())
    const greeting = async (): Promise<unknown> => (await source.read()).layers[0]?.values.get('greeting')?.value
    assert.equal(await greeting(), 'first')
    const arrived = Promise.withResolvers<void>()
    const watching = source.watch(() => arrived.resolve())
    assert.equal((await say('PATCH', 'second')).status, 200)
    await arrived.promise
    assert.equal(await greeting(), 'second')
    watching.stop()
    await server.crash()
    await until('it is known to be away', () => source.freshness().state === 'stale')
    await assert.rejects(source.read(), { name: 'ConfigError', away: true })
    await server.start()
    await until('it goes on', async () => (await greeting().catch(() => undefined)) === 'second', 120_000)
    assert.deepEqual(source.freshness(), { state: 'fresh' })
  },
)

test('a real kube-apiserver: listed, watched, compacted, killed', { skip: missing, timeout: 240_000 }, async (t) => {
  const { server, kubeconfig, ask } = await one()
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
