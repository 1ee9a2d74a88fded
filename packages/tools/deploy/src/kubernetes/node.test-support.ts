/**
 * As much of a cluster as its API server does not do itself: Deployments become pods, pods become processes of this machine whose readiness is told,
 * and callers go where an HTTPRoute says. Real is the API server, with all that it checks and keeps.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { connect, type Json } from '@dure/kubernetes/internal'
import { freePort, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { realRuntime, seededRandom } from 'dure/runtime'
import type { Called } from '../target/target.conformance.ts'

type Api = ReturnType<typeof connect>['api']
type Running = {
  readonly port: number
  readonly environment: Readonly<Record<string, string>>
  process: ChildProcess
  restarts: number
  ready: boolean
  told: string
}
type Deployment = {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: {
    readonly replicas: number
    readonly template: { readonly metadata: object; readonly spec: { readonly containers: readonly [Container] } }
  }
}
type Container = { readonly envFrom: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[] }
type Named = { readonly name: string }

const PROGRAM = join(import.meta.dirname, 'program.child.test-support.ts')
const { timers } = realRuntime()

export type Standing = {
  readonly kubeconfig: string
  readonly api: Api
  readonly close: () => Promise<void>
}

/** An API server that knows routes of the Gateway API. */
export async function openApiServer(): Promise<Standing> {
  const server: LocalServer = await startLocalServer('kubernetes')
  const kubeconfig = join(server.directory, 'kubeconfig')
  const { api } = connect({ kubeconfig, timeout: 20_000 }, timers)
  const there = (path: string): Promise<boolean> =>
    api.get(path).then(
      () => true,
      () => false,
    )
  while (!(await there('/api/v1/namespaces/default'))) await timers.sleep(200)
  await api.ask(
    'PATCH',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io?fieldManager=test',
    {
      type: 'application/apply-patch+yaml',
      body: ROUTES,
    },
  )
  while (!(await there('/apis/gateway.networking.k8s.io/v1/httproutes'))) await timers.sleep(200)
  return { kubeconfig, api, close: () => server.close() }
}

/** Whoever plays the node of one namespace, and calls what is in it. */
export async function openNode(api: Api, namespace: string, system: string) {
  const pathOf = (group: string, what: string): string => `${group}/namespaces/${namespace}/${what}`
  const pods = new Map<string, Map<string, Running>>()
  const apply = (path: string, body: object): Promise<Json> =>
    api.ask('PATCH', `${path}?fieldManager=node&force=true`, { type: 'application/apply-patch+yaml', body })
  await apply(`/api/v1/namespaces/${namespace}`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })

  const environmentOf = async ({ spec }: Deployment): Promise<Readonly<Record<string, string>>> => {
    const all: Record<string, string> = {}
    for (const { configMapRef, secretRef } of spec.template.spec.containers[0].envFrom) {
      const { data = {} } = (await api.get(
        configMapRef === undefined
          ? pathOf('/api/v1', `secrets/${secretRef!.name}`)
          : pathOf('/api/v1', `configmaps/${configMapRef.name}`),
      )) as { readonly data?: Readonly<Record<string, string>> }
      for (const [name, value] of Object.entries(data))
        all[name] = configMapRef === undefined ? Buffer.from(value, 'base64').toString() : value
    }
    return all
  }
  const run = (version: string, port: number, environment: Readonly<Record<string, string>>): ChildProcess =>
    spawn(process.execPath, [PROGRAM], {
      env: { PATH: process.env['PATH'], ...environment, VERSION: version, PORT: String(port) },
      stdio: 'ignore',
    })

  const begin = async (deployment: Deployment, name: string): Promise<Running> => {
    const { template } = deployment.spec
    const labels = deployment.metadata.labels
    await apply(pathOf('/api/v1', `pods/${name}`), {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: template.spec },
    })
    const [port, environment] = [await freePort(), await environmentOf(deployment)]
    const process = run(labels['app.kubernetes.io/version']!, port, environment)
    return { port, environment, process, restarts: 0, ready: false, told: '' }
  }
  const end = async (name: string, running: Running): Promise<void> => {
    running.ready = false
    await api.ask('DELETE', `${pathOf('/api/v1', `pods/${name}`)}?gracePeriodSeconds=0`)
    running.process.kill('SIGTERM')
  }
  const tell = async (version: string, name: string, running: Running): Promise<void> => {
    const ended = running.process.exitCode !== null
    running.ready =
      !ended &&
      (await fetch(`http://127.0.0.1:${running.port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      ))
    const state = ended ? { waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting' } } : { running: {} }
    const status = {
      phase: 'Running',
      conditions: [
        {
          type: 'Ready',
          status: running.ready ? 'True' : 'False',
          ...(!running.ready && { reason: 'ContainersNotReady', message: 'it is not ready' }),
        },
      ],
      containerStatuses: [
        { name: system, image: '', imageID: '', ready: running.ready, started: !ended, restartCount: running.restarts, state },
      ],
    }
    const told = JSON.stringify(status)
    if (told !== running.told)
      await api.ask('PATCH', pathOf('/api/v1', `pods/${name}/status`), { type: 'application/merge-patch+json', body: { status } })
    running.told = told
    if (!ended) return
    running.restarts++
    running.process = run(version, running.port, running.environment)
  }

  let over = false
  const look = async (): Promise<void> => {
    const { items } = (await api.get(pathOf('/apis/apps/v1', 'deployments'))) as unknown as {
      readonly items: readonly Deployment[]
    }
    for (const deployment of items) {
      const { name, labels } = deployment.metadata
      const own = pods.get(name) ?? new Map<string, Running>()
      pods.set(name, own)
      for (let at = 1; at <= deployment.spec.replicas; at++) {
        const pod = `${name}-${at}`
        if (!own.has(pod)) own.set(pod, await begin(deployment, pod))
      }
      for (const [pod, running] of own) {
        if (Number(pod.slice(pod.lastIndexOf('-') + 1)) <= deployment.spec.replicas)
          await tell(labels['app.kubernetes.io/version']!, pod, running)
        else {
          own.delete(pod)
          await end(pod, running)
        }
      }
    }
  }
  const loop = (async () => {
    while (!over) {
      await look()
      await timers.sleep(50)
    }
  })()

  let turn = 0
  const random = seededRandom(1)
  /** Where the route leads, and there to one pod after the other. */
  const call = async (): Promise<Called | undefined> => {
    const route = await api.get(pathOf('/apis/gateway.networking.k8s.io/v1', `httproutes/${system}`)).catch(() => undefined)
    const { rules = [] } = (route?.['spec'] ?? {}) as { readonly rules?: readonly { readonly backendRefs: readonly Backend[] }[] }
    let at = random.number() * 100
    const chosen = rules[0]?.backendRefs.find(({ weight }) => (at -= weight) < 0)
    const ready = [...(pods.get(chosen?.name ?? '')?.values() ?? [])].filter((one) => one.ready)
    const pod = ready[turn++ % Math.max(1, ready.length)]
    if (pod === undefined) return undefined
    const answer = await fetch(`http://127.0.0.1:${pod.port}/`).catch(() => undefined)
    return answer?.status === 200 ? ((await answer.json()) as Called) : undefined
  }
  return {
    call,
    close: async () => {
      over = true
      await loop
      for (const own of pods.values()) for (const { process } of own.values()) process.kill('SIGKILL')
    },
  }
}
type Backend = { readonly name: string; readonly weight: number }

/** What a Gateway API's own definition says, without its checks. */
const ROUTES = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'httproutes.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { plural: 'httproutes', singular: 'httproute', kind: 'HTTPRoute', listKind: 'HTTPRouteList' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
