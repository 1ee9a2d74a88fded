/** The Registry port on Kubernetes: EndpointSlices are read, and Kubernetes itself registers what runs in it. */
import { KubeConfig } from '@kubernetes/client-node'
import type { Registry } from 'dure/discovery'
import { networkRegistry } from 'dure/discovery/internal'
import { checkNumbers, WAIT, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Adapter, World } from 'dure/service'
import { createApi } from './api.ts'
import { instancesOf, type Lookup } from './slices.ts'
import { createSlices } from './watch.ts'

export type KubernetesRegistryOptions = {
  /** The namespace whose Services are found. Default: that of the pod, or of the configuration's context. */
  readonly namespace?: string
  /** Labels of EndpointSlices (Kubernetes copies those of a Service): `app.kubernetes.io/part-of=shop`. Default: all. */
  readonly selector?: string
  /** A kubeconfig file. Default: `KUBECONFIG`, `~/.kube/config`, or inside a pod its service account. */
  readonly kubeconfig?: string
  /** Which host stands behind an address of type FQDN. Default: the name itself, which is looked up when it is called. */
  readonly lookup?: Lookup
  /** Milliseconds between questions whether the server is there. Default 5,000. */
  readonly heartbeat?: number
  /** Milliseconds that an answer may take. Default 5,000. */
  readonly timeout?: number
  /** Milliseconds between saying that it drains and taking no more calls: until Kubernetes has told everybody. Default 1,000. */
  readonly grace?: number
}

/**
 * Finds services by the EndpointSlices of their Services, and hears of each change. It publishes nothing: a pod is in its Service's
 * EndpointSlices while its readiness probe says so (third-party registration). While the server is away the last known view is kept
 * and said to be stale.
 * @throws {TypeError} when there is no configuration of Kubernetes, or a number cannot be used
 *
 * @example
 * ```ts
 * import { kubernetesRegistry } from '@dure/kubernetes'
 *
 * const registry = kubernetesRegistry({ selector: 'app.kubernetes.io/part-of=shop' }) // system('shop', { services, registry })
 * console.log(typeof registry) // → function
 * ```
 */
export function kubernetesRegistry(options: KubernetesRegistryOptions = {}): Adapter<Registry> {
  checkNumbers('use Kubernetes as registry', options, { heartbeat: WAIT, timeout: WAIT, grace: WAIT_OR_NONE })
  return (world) => open(options, world)
}

async function open(options: KubernetesRegistryOptions, world: World): Promise<Registry> {
  const { selector, lookup = (name) => name, heartbeat = 5_000, timeout = 5_000, grace = 1_000 } = options
  const { runtime, log } = world
  const config = new KubeConfig()
  if (options.kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(options.kubeconfig)
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    throw new TypeError('Cannot use Kubernetes as registry: its configuration names no cluster; set KUBECONFIG')
  const namespace = options.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  const api = createApi({ config, timeout, timers: runtime.timers })
  const slices = createSlices({ api, namespace, selector, interval: heartbeat, timers: runtime.timers, log })
  return networkRegistry(
    {
      base: `${cluster.server} (namespace "${namespace}")`,
      advice: 'look at its address and your account',
      follow: slices.follow,
      instances: () => instancesOf(slices.slices(), lookup),
    },
    { heartbeat, registerTimeout: 0, grace },
    world,
  )
}
