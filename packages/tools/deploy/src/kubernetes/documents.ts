import { USER } from '../image/image.ts'
import type { Release } from '../release.ts'
import { describedTrouble, idOf, type Wanted } from '../target/target.ts'

/** An object of Kubernetes, as its documents have it. */
export type KubernetesObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [more: string]: unknown
}

export type KubernetesWorkload = {
  readonly namespace: string
  /** The port of its REST door. Default 8080. */
  readonly port?: number
  /** The words behind the image: which of its services, flags. Default `['start', '--port', port]`. */
  readonly command?: readonly string[]
  /** What a copy is sure to get: of a CPU (`100m`) and of memory, which is its limit as well (`256Mi`). */
  readonly cpu?: string
  readonly memory?: string
  /** Up to so many copies, by how busy the CPUs are that they asked for (percent; default 70). Default: as many as it is given. */
  readonly autoscale?: { readonly most: number; readonly cpu?: number }
  /** Seconds a copy may take to finish what is under way. Default 30. */
  readonly grace?: number
  /**
   * Who asks whether a copy lives and is ready: `http`, the kubelet itself; `exec`, Node inside the container, where nothing outside can ask it. Not for
   * `podman kube play` of podman 4.3, which asks both ways through a shell, and an image has none: take the liveness probe out there. Default `http`.
   */
  readonly probes?: 'http' | 'exec'
  /** Names of secrets with what logs in at the registry of images. */
  readonly pull?: readonly string[]
}

const RELEASE = 'dure.dev/release'

/** What all objects of a release are called; a name of DNS. @throws {DeployError} `TARGET` for a system that cannot be called so */
export function nameOf(release: Pick<Release, 'system' | 'digest'>): string {
  if (/^[a-z](?:[-a-z\d]{0,38}[a-z\d])?$/.test(release.system)) return `${release.system}-${idOf(release)}`
  const advice = 'names in Kubernetes are of lower case letters, digits and "-", at most 40 here; give the system another name'
  throw describedTrouble(`run system "${release.system}" on Kubernetes`, [advice])
}

/** By which the pods of a release are found; and all of a system. */
export const selectorOf = (release: Pick<Release, 'system' | 'digest'>): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/part-of': release.system,
  [RELEASE]: idOf(release),
})

/**
 * The objects of Kubernetes that run a release: a Deployment, whose pods nobody may write in, and what it needs. Calls come to it by its
 * Service, once something leads there. Secrets stand in it as they are: keep it out of version control when there are some.
 * @throws {DeployError} `TARGET` for an image without an address, and for names that Kubernetes does not take
 *
 * @example
 * ```ts
 * import { describeRelease, kubernetesDocuments, kubernetesText } from '@dure/deploy'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })
 * const image = { digest: `sha256:${'0'.repeat(64)}`, reference: 'registry.example.org/clocks' }
 * const release = describeRelease(clocks, { version: '1.0.0', image })
 * const documents = kubernetesDocuments({ release, copies: 2 }, { namespace: 'shop' })
 * console.log(documents.map(({ kind }) => kind).join(' ')) // → ConfigMap ServiceAccount Deployment Service PodDisruptionBudget
 * console.log(kubernetesText(documents).includes('runAsNonRoot')) // → true
 * ```
 */
export function kubernetesDocuments(wanted: Wanted, workload: KubernetesWorkload): readonly KubernetesObject[] {
  const { release, copies, settings = {}, secrets = {} } = wanted
  const { autoscale, port = 8080 } = workload
  const name = nameOf(release)
  const selector = selectorOf(release)
  const labels = {
    ...selector,
    'app.kubernetes.io/name': release.system,
    'app.kubernetes.io/version': labelOf(release.version),
    'app.kubernetes.io/managed-by': 'dure',
  }
  const object = (apiVersion: string, kind: string, content: object): KubernetesObject => {
    return { apiVersion, kind, metadata: { name, namespace: workload.namespace, labels }, ...content }
  }
  const template = { metadata: { labels }, spec: podOf(wanted, name, { ...workload, port }) }
  const [hasSettings, hasSecrets] = [settings, secrets].map((one) => Object.keys(one).length > 0)
  return [
    object('v1', 'ConfigMap', { data: hasSettings ? settings : {} }),
    ...(hasSecrets ? [object('v1', 'Secret', { type: 'Opaque', data: encoded(secrets) })] : []),
    object('v1', 'ServiceAccount', { automountServiceAccountToken: false }),
    object('apps/v1', 'Deployment', {
      spec: {
        ...{ replicas: copies, revisionHistoryLimit: 1, progressDeadlineSeconds: 600 },
        selector: { matchLabels: selector },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template,
      },
    }),
    object('v1', 'Service', { spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }] } }),
    // One at a time leaves when a node is emptied.
    object('policy/v1', 'PodDisruptionBudget', { spec: { maxUnavailable: 1, selector: { matchLabels: selector } } }),
    ...(autoscale === undefined
      ? []
      : [object('autoscaling/v2', 'HorizontalPodAutoscaler', { spec: scaling(name, copies, autoscale) })]),
  ]
}

/**
 * Documents as text, one behind the other, as `kubectl apply -f` and `podman kube play` take it: JSON, which YAML is as well.
 *
 * @example
 * ```ts
 * import { kubernetesText } from '@dure/deploy'
 *
 * console.log(kubernetesText([]) === '') // → true
 * ```
 */
export function kubernetesText(documents: readonly KubernetesObject[]): string {
  return documents.map((document) => `---\n${JSON.stringify(document, undefined, 2)}\n`).join('')
}

function podOf(
  { release, secrets = {} }: Wanted,
  name: string,
  workload: KubernetesWorkload & { readonly port: number },
): object {
  const { port, command = ['start', '--port', String(port)], cpu = '100m', memory = '256Mi', grace = 30, pull = [] } = workload
  const { reference, digest } = release.image
  if (reference === undefined) {
    const advice = 'it says no registry to pull its image from; push the image, and say so with: dure release write --image'
    throw describedTrouble(`run ${release.system} ${release.version} on Kubernetes`, [advice])
  }
  const ask = (path: string, more: object): object => ({ ...probe(workload.probes ?? 'http', path, port), ...more })
  return {
    ...{ serviceAccountName: name, automountServiceAccountToken: false, enableServiceLinks: false },
    terminationGracePeriodSeconds: grace,
    ...(pull.length > 0 && { imagePullSecrets: pull.map((secret) => ({ name: secret })) }),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: USER, runAsGroup: USER, fsGroup: USER },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        ...{ name: release.system, image: `${withoutTag(reference)}@${digest}`, args: command },
        env: [
          { name: 'PORT', value: String(port) },
          { name: 'DURE_HOST', value: '0.0.0.0' },
          { name: 'DURE_DATA', value: '/data' },
        ],
        envFrom: [{ configMapRef: { name } }, ...(Object.keys(secrets).length > 0 ? [{ secretRef: { name } }] : [])],
        ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
        startupProbe: ask('/health/startup', { periodSeconds: 1, failureThreshold: 120 }),
        readinessProbe: ask('/health/ready', { periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 }),
        livenessProbe: ask('/health/live', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }),
        // A copy that was told to end may be called by who has not heard of it for a moment.
        lifecycle: { preStop: { exec: { command: ['/usr/bin/node', '--eval', 'setTimeout(() => {}, 3000)'] } } },
        resources: { requests: { cpu, memory }, limits: { memory } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    // What is to outlive a pod is in PostgreSQL, and the broker's.
    volumes: [
      { name: 'data', emptyDir: { sizeLimit: '1Gi' } },
      { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
    ],
  }
}

function probe(way: 'http' | 'exec', path: string, port: number): object {
  if (way === 'http') return { httpGet: { path, port: 'http' } }
  const ask = `fetch('http://127.0.0.1:${port}${path}').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`
  return { exec: { command: ['/usr/bin/node', '--eval', ask] } }
}

function scaling(name: string, copies: number, { most, cpu = 70 }: NonNullable<KubernetesWorkload['autoscale']>): object {
  return {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    ...{ minReplicas: copies, maxReplicas: Math.max(most, copies) },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } } }],
  }
}

const encoded = (secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value).toString('base64')]))

/** A digest says which: a tag beside it would be one more word that may differ. */
const withoutTag = (reference: string): string => reference.replace(/@.*$/, '').replace(/:[\w.-]+$/, '')

/** A label is shorter than a version may be, and has fewer signs. */
const labelOf = (version: string): string =>
  version
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 63)
    .replace(/[^a-z\d]+$/i, '')
