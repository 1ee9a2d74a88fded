/** The Registry port on Kubernetes: EndpointSlices are read, and Kubernetes itself registers what runs in it. */
import type { Registry } from 'dure/discovery'
import { networkRegistry } from 'dure/discovery/internal'
import { checkNumbers, WAIT, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Adapter, World } from 'dure/service'
import { connect, type ClusterOptions } from './connect.ts'
import { instancesOf, readSlice, type Lookup, type Slice } from './slices.ts'
import { createObjects } from './watch.ts'

export {
  kubernetesObjects,
  type KubernetesKind,
  type KubernetesObject,
  type KubernetesObjects,
  type KubernetesObjectsOptions,
} from './objects.ts'
export { kubernetesConfig, type KubernetesConfigOptions } from './config.ts'

export type KubernetesRegistryOptions = ClusterOptions & {
  /** Labels of EndpointSlices (Kubernetes copies those of a Service): `app.kubernetes.io/part-of=shop`. Default: all. */
  readonly selector?: string
  /** Which host stands behind an address of type FQDN. Default: the name itself, which is looked up when it is called. */
  readonly lookup?: Lookup
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
  const { selector, lookup = (name) => name, heartbeat = 5_000, grace = 1_000 } = options
  const { runtime, log } = world
  const { api, base, pathOf } = connect(options, runtime.timers)
  const { follow, objects } = createObjects<Slice>({
    ...{ api, path: pathOf('/apis/discovery.k8s.io/v1', 'endpointslices'), selector, read: readSlice, interval: heartbeat },
    timers: runtime.timers,
    unused: (slice, why) => log.warn('An EndpointSlice is not used', { slice, why }),
  })
  return networkRegistry(
    { base, advice: 'look at its address and your account', follow, instances: () => instancesOf(objects(), lookup) },
    { heartbeat, registerTimeout: 0, grace },
    world,
  )
}
