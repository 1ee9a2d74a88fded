import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { KubeConfig } from '@kubernetes/client-node'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { request } from 'node:https'
import type { Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { kubernetesRegistry, type KubernetesRegistryOptions } from './kubernetes.ts'

export type Teller = Pick<TestContext, 'after'>

/** It is built for an hour of a machine: who wants it asks for it. */
export const missing = missingServer('kubernetes') || missingServer('etcd')

export async function open(t: Teller, options: KubernetesRegistryOptions & { readonly log?: Logger } = {}): Promise<Registry> {
  const { log = silentLogger(), ...more } = options
  const directory = mkdtempSync(join(tmpdir(), 'dure-kubernetes-'))
  const registry = await kubernetesRegistry(more)({ directory, runtime: realRuntime(), log })
  t.after(async () => {
    await registry.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return registry
}

export type Ask = (
  method: string,
  path: string,
  body?: object,
  type?: string,
) => Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>

/** Asks a kube-apiserver as its administrator. */
export function asking(kubeconfig: string): Ask {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  return async (method, path, body, type = 'application/json') => {
    const how = { method, headers: { 'content-type': type } }
    await config.applyToHTTPSOptions(how)
    return new Promise((resolve, reject) => {
      const asked = request(`${config.getCurrentCluster()!.server}${path}`, how, (response) => {
        let text = ''
        response.on('data', (bytes) => (text += String(bytes)))
        response.on('end', () => {
          try {
            resolve({ status: response.statusCode!, body: JSON.parse(text) as Readonly<Record<string, unknown>> })
          } catch {
            resolve({ status: response.statusCode!, body: { text } })
          }
        })
      })
      asked.once('error', reject)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

export async function started(
  t: Teller,
): Promise<{ readonly server: LocalServer; readonly kubeconfig: string; readonly ask: Ask }> {
  const server = await startLocalServer('kubernetes')
  t.after(() => server.close())
  const kubeconfig = join(server.directory, 'kubeconfig')
  const ask = asking(kubeconfig)
  await until('it is ready', async () => (await ask('GET', '/readyz')).status === 200, 600_000)
  await until('its namespace is there', async () => (await ask('GET', '/api/v1/namespaces/default')).status === 200, 600_000)
  return { server, kubeconfig, ask }
}

/** A namespace whose service account may do nothing yet; gives the kubeconfig of that account. */
export async function accountIn({ directory }: LocalServer, ask: Ask, namespace: string): Promise<string> {
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts`
  const make = async (path: string, object: object): Promise<Readonly<Record<string, unknown>>> => {
    const { status, body } = await ask('POST', path, object)
    if (status !== 201) throw new Error(`${path}: ${JSON.stringify(body)}`)
    return body
  }
  await make('/api/v1/namespaces', { metadata: { name: namespace } })
  await make(account, { metadata: { name: 'default' } })
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } }
  const { status } = await make(`${account}/default/token`, asked)
  const config = JSON.parse(readFileSync(join(directory, 'kubeconfig'), 'utf8')) as Kubeconfig
  config.users[0].user = { token: (status as { readonly token: string }).token }
  config.contexts[0].context.namespace = namespace
  const file = join(directory, `kubeconfig-${namespace}`)
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  return file
}

type Kubeconfig = {
  readonly users: readonly [{ user: { readonly token: string } }]
  readonly contexts: readonly [{ readonly context: { namespace: string } }]
}

export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

/** A slice of a Service, as Kubernetes' own controller writes them. */
export function slice(name: string, service: string, more: object = {}): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': service, 'app.kubernetes.io/version': '1.2.3' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [],
    ...more,
  }
}
export const pod = (name: string, address: string, more: object = {}): object => ({
  ...{ addresses: [address], conditions: { ready: true }, zone: 'seoul-a', nodeName: 'node-1' },
  targetRef: { kind: 'Pod', name, uid: `uid-${name}`, namespace: 'default' },
  ...more,
})

/** `pod status`, sorted. */
export const seen = (registry: Registry, service: string = 'orders'): string =>
  registry
    .instances(service)
    .map(({ metadata, status }) => `${metadata['pod']} ${status}`)
    .toSorted()
    .join(', ')

/** Waits until something is so. */
export async function until(what: string, is: () => boolean | Promise<boolean>, within: number = 20_000): Promise<void> {
  const end = performance.now() + within
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`It is not so after ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
