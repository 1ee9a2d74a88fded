import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeRelease, type Release } from '../release.ts'
import { entryOf, entryProblems, sharesIn } from './entry.ts'
import { kubernetesDocuments, kubernetesText, type KubernetesObject } from './kubernetes.ts'
import { copiesOf } from './pods.ts'

const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
const clock = service(Clock, { handlers: { now: () => new Date() } })
const digest = `sha256:${'a'.repeat(64)}`
const release = (name = 'clocks', reference: string | undefined = 'registry.example.org:5000/clocks:1.0.0'): Release =>
  describeRelease(system(name, { services: [clock] }), {
    version: '1.0.0+build/7',
    image: { digest, ...(reference !== undefined && { reference }) },
  })
const documents = (
  more: Partial<Parameters<typeof kubernetesDocuments>[0]> = {},
  workload: object = {},
): readonly KubernetesObject[] =>
  kubernetesDocuments({ release: release(), copies: 2, ...more }, { namespace: 'shop', ...workload })

type Pod = { readonly containers: readonly [Readonly<Record<string, unknown>>]; readonly [more: string]: unknown }
const podOf = (all: readonly KubernetesObject[]): Pod =>
  (all.find(({ kind }) => kind === 'Deployment')!['spec'] as { readonly template: { readonly spec: Pod } }).template.spec

test('nobody may write in a pod, be root or gain rights in it; it runs one image, by its digest', () => {
  const { containers, ...pod } = podOf(documents())
  const [container] = containers
  assert.equal(container['image'], `registry.example.org:5000/clocks@${digest}`)
  assert.deepEqual(pod['securityContext'], {
    ...{ runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 },
    seccompProfile: { type: 'RuntimeDefault' },
  })
  assert.deepEqual(container['securityContext'], {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ['ALL'] },
  })
  assert.equal(pod['automountServiceAccountToken'], false)
})

test('settings and secrets are variables of it, and a secret stands in no object but its own', () => {
  const all = documents({ settings: { GREETING: 'hello' }, secrets: { PASSWORD: 'opens sesame' } }, { autoscale: { most: 5 } })
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['ConfigMap', 'Secret', 'ServiceAccount', 'Deployment', 'Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'],
  )
  const hidden = Buffer.from('opens sesame').toString('base64')
  assert.deepEqual(
    all
      .filter((one) => JSON.stringify(one).includes('opens sesame') || JSON.stringify(one).includes(hidden))
      .map(({ kind }) => kind),
    ['Secret'],
  )
  const { name } = all[0]!.metadata
  assert.deepEqual(podOf(all).containers[0]['envFrom'], [{ configMapRef: { name } }, { secretRef: { name } }])
  // Documents are read back as they were.
  const [, ...texts] = kubernetesText(all).split('---\n')
  assert.deepEqual(
    texts.map((text) => JSON.parse(text) as unknown),
    JSON.parse(JSON.stringify(all)),
  )
})

test('labels are what Kubernetes takes, and the names of a release are its own', () => {
  const [one] = documents()
  assert.equal(one!.metadata.labels!['app.kubernetes.io/version'], '1.0.0_build_7')
  assert.match(one!.metadata.name, /^clocks-[a-f\d]{12}$/)
  assert.throws(() => documents({ release: release('My Clocks') }), { code: 'TARGET', message: /give the system another name/ })
  const unnamed = describeRelease(system('clocks', { services: [clock] }), { version: '1.0.0', image: { digest } })
  assert.throws(() => documents({ release: unnamed }), { code: 'TARGET', message: /no registry to pull its image from/ })
})

test('probes ask the door: by the kubelet, or by Node where there is none', () => {
  const probes = ['startupProbe', 'readinessProbe', 'livenessProbe']
  const [byKubelet] = podOf(documents()).containers
  assert.deepEqual(
    probes.map((probe) => (byKubelet[probe] as { readonly httpGet: object }).httpGet),
    ['startup', 'ready', 'live'].map((what) => ({ path: `/health/${what}`, port: 'http' })),
  )
  const [byNode] = podOf(documents({}, { probes: 'exec' })).containers
  for (const probe of probes) assert.match(JSON.stringify(byNode[probe]), /\/usr\/bin\/node.*health/)
})

test('a route has the shares that it is given, and says them; an Ingress leads to one release', () => {
  const [one, two] = [release(), { ...release(), digest: `sha256:${'b'.repeat(64)}` }]
  const both = [
    { release: one, share: 75 },
    { release: two, share: 25 },
  ]
  const gateway = { kind: 'gateway', host: 'clocks.example', gateway: 'public' } as const
  const ingress = { kind: 'ingress', host: 'clocks.example', className: 'public', tls: 'clocks-tls' } as const
  assert.deepEqual([...sharesIn(entryOf('clocks', 'shop', gateway, both)).values()], [75, 25])
  assert.deepEqual([...sharesIn(entryOf('clocks', 'shop', ingress, [both[0]!])).values()], [100])
  assert.deepEqual([entryProblems(gateway, both), entryProblems(ingress, [both[0]!])], [[], []])
  assert.match(entryProblems(ingress, both)[0]!, /an Ingress leads to one release/)
  assert.equal(sharesIn({}).size, 0)
})

test('copies are what Kubernetes says of pods, with its words', () => {
  const pod = (name: string, status: object, more: object = {}) => ({ metadata: { name, ...more }, status })
  const ready = { conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [{ ready: true, restartCount: 2 }] }
  const waiting = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }
  const crashed = {
    ready: false,
    restartCount: 3,
    state: waiting,
    lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
  }
  const unready = { ready: false, started: true, restartCount: 0, state: { running: {} } }
  const pods = [
    pod('a', ready),
    pod('b', { containerStatuses: [crashed] }),
    pod('c', { conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }], containerStatuses: [unready] }),
    pod('d', { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] }),
    pod('e', { phase: 'Failed', reason: 'Evicted' }),
    pod('f', ready, { deletionTimestamp: 'now' }),
  ]
  assert.deepEqual(copiesOf(pods, 6, 'clocks'), [
    { name: 'a', state: 'ready', restarts: 2 },
    { name: 'b', state: 'starting', restarts: 3, reason: 'CrashLoopBackOff: back-off 10s: it ended before with 137 (OOMKilled)' },
    { name: 'c', state: 'unready', restarts: 0, reason: 'ContainersNotReady' },
    { name: 'd', state: 'starting', restarts: 0, reason: 'Unschedulable: 0/3 nodes' },
    { name: 'e', state: 'ended', restarts: 0, reason: 'Evicted' },
    { name: 'clocks-1', state: 'starting', restarts: 0, reason: 'Kubernetes has made no pod for it yet' },
  ])
})
