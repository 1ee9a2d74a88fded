import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadAllYaml } from '@kubernetes/client-node'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { accountIn, asking, missing, open, pod, seen, slice, started, until } from './kubernetes.test-support.ts'

const GUIDE = join(import.meta.dirname, '../../../../docs/guides/kubernetes.md')
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices'

/** What the guide says that an account needs. */
function rolesOfTheGuide(): readonly { readonly kind: string }[] {
  const [, yaml] = /```yaml\n(apiVersion: rbac[^`]+)```/.exec(readFileSync(GUIDE, 'utf8'))!
  return loadAllYaml(yaml!) as readonly { readonly kind: string }[]
}

test(
  'the account of the guide reads EndpointSlices and does nothing else; without it, or with it taken away, it is said what Kubernetes says',
  { skip: missing, timeout: 120_000 },
  async (t) => {
    const { server, ask } = await started(t)
    const kubeconfig = await accountIn(server, ask, 'shop')
    const as = asking(kubeconfig)
    const made = await ask('POST', SLICES, slice('orders-1', 'orders', { endpoints: [pod('a', '10.0.1.1')] }))
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
        await allowed('POST', SLICES, slice('orders-2', 'orders')),
        await allowed('DELETE', `${SLICES}/orders-1`),
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
