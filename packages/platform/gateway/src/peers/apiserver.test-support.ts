/** Ingress documents and Secrets that are written to a real kube-apiserver. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kubernetesObjects, kubernetesRegistry } from '@dure/kubernetes'
import { check } from '@dure/testing/foreign'
import { startLocalServer } from '@dure/testing/servers'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { named, started } from '../gateway.test-support.ts'
import { followIngress } from '../gateway.ts'
import { maker, shownFor, type Made } from '../tls.test-support.ts'

const INGRESSES = '/apis/networking.k8s.io/v1/namespaces/default/ingresses'
const SECRETS = '/api/v1/namespaces/default/secrets'
const SERVICES = '/api/v1/namespaces/default/services'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const INGRESS = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }
const MERGE = 'application/merge-patch+json'

/** What ends what was begun. */
type Ends = { readonly after: (end: () => unknown) => void }
type Ask = (
  method: string,
  path: string,
  body?: object,
  type?: string,
) => Promise<{ readonly status: number; readonly text: string }>

/** Asks a kube-apiserver as its administrator. */
function asking(kubeconfig: string): Ask {
  const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as {
    readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority': string } }[]
    readonly users: readonly { readonly user: { readonly token: string } }[]
  }
  const { server, 'certificate-authority': ca } = clusters[0]!.cluster
  return (method, path, body, type = 'application/json') =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${users[0]!.user.token}`, 'content-type': type }
      request(`${server}${path}`, { method, headers, ca: readFileSync(ca) }, async (answer) => {
        let text = ''
        for await (const part of answer) text += String(part)
        resolve({ status: answer.statusCode!, text })
      })
        .once('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
}

async function until(what: string, is: () => boolean | Promise<boolean>, within: number = 240_000): Promise<number> {
  const began = performance.now()
  while (!(await is())) {
    if (performance.now() - began > within) throw new Error(`It is not so after ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - began
}

/** Certificates of Secrets at a kube-apiserver are shown, changed and taken back with them. */
async function certificates(
  t: Ends,
  { kubeconfig, ask, directory }: { readonly kubeconfig: string; readonly ask: Ask; readonly directory: string },
): Promise<void> {
  const { make } = maker(t)
  const [shop, next, other] = [make('shop', 'shop.test'), make('next', 'shop.test'), make('other', 'other.test')]
  const runtime = realRuntime()
  const said: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (text) => void said.push(text) })
  const kinds = ['Ingress', 'Service', { kind: 'Secret', type: 'kubernetes.io/tls' }] as const
  const source = await kubernetesObjects({ kubeconfig, kinds })({ directory, runtime, log })
  t.after(source.stop)
  const { routes, stop } = followIngress({ source, runtime, log, instances: 'registry', tls: 'secrets' })
  t.after(stop)
  const { url } = await started(t, { routes, directory, registry: kubernetesRegistry({ kubeconfig }) })
  const put = async (method: string, path: string, body?: object): Promise<void> => {
    const { status, text } = await ask(method, path, body, method === 'PATCH' ? MERGE : undefined)
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`)
  }
  const data = ({ certificate, key }: Made): object => ({
    data: Object.fromEntries(
      Object.entries({ 'tls.crt': certificate, 'tls.key': key }).map(([name, text]) => [
        name,
        Buffer.from(text).toString('base64'),
      ]),
    ),
  })
  const secret = (name: string, made: Made): Promise<void> =>
    put('POST', SECRETS, { metadata: { name }, type: 'kubernetes.io/tls', ...data(made) })
  const shows = (host: string, name: string | undefined) => async (): Promise<boolean> =>
    (await shownFor(t, url, host).catch(() => undefined)) === name

  const backend = { service: { name: 'nobody', port: { number: 80 } } }
  const tls = ['shop', 'other', 'broken'].map((name) => ({ hosts: [`${name}.test`], secretName: name }))
  await put('POST', INGRESSES, { ...INGRESS, metadata: { name: 'secure' }, spec: { tls, defaultBackend: backend } })
  await until('it is said that it is missing', () => said.some((each) => each.includes('there is no Secret')))
  await secret('shop', shop)
  await secret('other', other)
  await until('both are shown', async () => (await shows('shop.test', 'shop')()) && shows('other.test', 'other')())
  await secret('broken', { ...shop, key: other.key })
  await until('it is said that it is broken', () => said.some((each) => each.includes('key that does not belong to it')))
  await put('PATCH', `${SECRETS}/shop`, data(next))
  const took = await until('the next one is shown', shows('shop.test', 'next'))
  await put('DELETE', `${SECRETS}/shop`)
  await until('nothing is shown', shows('shop.test', undefined))
  assert.ok(await shows('other.test', 'other')())
  assert.ok(await shows('broken.test', undefined)())
  await put('DELETE', `${INGRESSES}/secure`)
  console.log(`  a certificate was shown ${took.toFixed(0)} ms after its Secret had changed`)
}

export async function askApiserver(): Promise<void> {
  const ends: (() => unknown)[] = []
  const t: Ends = { after: (end) => void ends.push(end) }
  try {
    const server = await startLocalServer('kubernetes')
    t.after(() => server.close())
    const kubeconfig = join(server.directory, 'kubeconfig')
    const ask = asking(kubeconfig)
    const ready = async (): Promise<boolean> =>
      (await ask('GET', '/api/v1/namespaces/default').catch(() => undefined))?.status === 200
    await until('it is ready', ready)
    const directory = mkdtempSync(join(tmpdir(), 'dure-ingress-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const said: string[] = []
    const runtime = realRuntime()
    const log = createLogger({ clock: runtime.clock, write: (text) => void said.push(text) })
    const how = { kubeconfig, heartbeat: 300, timeout: 2_000 }
    const source = await kubernetesObjects({ ...how, kinds: ['Ingress', 'Service'] })({ directory, runtime, log })
    t.after(source.stop)
    const { routes, freshness, stop } = followIngress({ source, runtime, log, instances: 'registry' })
    t.after(stop)
    // Kubernetes takes no address of this machine alone, so pods have names here.
    const { get } = await started(t, { routes, directory, registry: kubernetesRegistry({ ...how, lookup: () => '127.0.0.1' }) })
    assert.equal((await get('/orders')).status, 404)

    await check('certificates of Secrets in a kube-apiserver are shown, changed and taken back with them', () =>
      certificates(t, { kubeconfig, ask, directory }),
    )
    await check('Ingress documents in a kube-apiserver move traffic within a second, and stay while it is away', async () => {
      const write = async (method: string, path: string, body: object, type?: string): Promise<void> => {
        const { status, text } = await ask(method, path, body, type)
        assert.ok(status < 300, `${method} ${path}: ${status} ${text}`)
      }
      const deploy = async (name: string): Promise<void> => {
        const { address } = await named(t, name)
        const ports = [{ name: 'web', port: Number(address.split(':')[1]), protocol: 'TCP' }]
        await write('POST', SERVICES, {
          metadata: { name },
          spec: { clusterIP: 'None', ports: [{ name: 'web', port: 80, targetPort: 8080 }] },
        })
        await write('POST', SLICES, {
          ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
          metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
          ...{ addressType: 'FQDN', ports, endpoints: [{ addresses: [`${name}.shop.test`], conditions: { ready: true } }] },
        })
      }
      await deploy('blue')
      await deploy('green')
      const spec = (name: string, port: object = { number: 80 }): object => ({
        rules: [{ http: { paths: [{ path: '/orders', pathType: 'Prefix', backend: { service: { name, port } } }] } }],
      })
      const answered = (by: string) => async (): Promise<boolean> => (await get('/orders')).text.startsWith(by)
      const took: number[] = []
      await write('POST', INGRESSES, {
        ...INGRESS,
        metadata: { name: 'web' },
        spec: { ingressClassName: 'dure', ...spec('blue') },
      })
      took.push(await until('blue answers', answered('blue ')))
      await write('PATCH', `${INGRESSES}/web`, { spec: spec('green', { name: 'web' }) }, MERGE)
      took.push(await until('green answers', answered('green ')))
      // One of another class changes nothing, and one that asks for the same comes too late.
      await write('POST', INGRESSES, {
        ...INGRESS,
        metadata: { name: 'other' },
        spec: { ingressClassName: 'nginx', ...spec('blue') },
      })
      await write('POST', INGRESSES, {
        ...INGRESS,
        metadata: { name: 'z-late', annotations: { 'x.test/y': 'z' } },
        spec: spec('blue'),
      })
      await until('it is said', () => said.some((each) => each.includes('it asks for the same as')))
      assert.ok(said.some((each) => each.includes('annotation that is not understood')))
      assert.ok(await answered('green ')())

      await server.crash()
      await until('it is known to be away', () => !freshness().fresh)
      assert.ok(await answered('green ')())
      assert.ok(said.some((each) => each.includes('Kubernetes is away: what was known of it last is kept, and is stale')))
      await server.start()
      await until('it is ready', ready)
      assert.equal((await ask('DELETE', `${INGRESSES}/z-late`)).status, 200)
      assert.equal((await ask('DELETE', `${INGRESSES}/web`)).status, 200)
      await until('nobody answers', async () => freshness().fresh && (await get('/orders')).status === 404)
      console.log(`  traffic moved after ${took.map((ms) => ms.toFixed(0)).join(' and ')} ms`)
      assert.ok(Math.max(...took) < 1_000, `traffic moved after ${took.join(', ')} ms`)
    })
  } finally {
    for (const end of ends.toReversed()) await end()
  }
}
