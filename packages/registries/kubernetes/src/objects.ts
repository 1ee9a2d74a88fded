/** Objects of a namespace as Kubernetes has them, kept up to date here, for whoever makes something of them. */
import type { Freshness } from 'dure/discovery'
import { pausing } from 'dure/discovery/internal'
import { backoff, checkNumbers, WAIT } from 'dure/runtime/internal'
import type { Adapter, World } from 'dure/service'
import type { Json } from './api.ts'
import { connect, type ClusterOptions } from './connect.ts'
import { createObjects, type Objects } from './watch.ts'

const KINDS = {
  Ingress: { version: 'networking.k8s.io/v1', group: '/apis/networking.k8s.io/v1', resource: 'ingresses' },
  Service: { version: 'v1', group: '/api/v1', resource: 'services' },
  Secret: { version: 'v1', group: '/api/v1', resource: 'secrets' },
  ConfigMap: { version: 'v1', group: '/api/v1', resource: 'configmaps' },
} as const

export type KubernetesKind = keyof typeof KINDS

/** One object: who may read it need not be let at the others of its kind. Or all Secrets of a type: `kubernetes.io/tls`. */
export type KubernetesObject =
  | { readonly kind: KubernetesKind; readonly name: string }
  | { readonly kind: 'Secret'; readonly type: string }

export type KubernetesObjectsOptions = ClusterOptions & {
  /** All of a kind, or some of it. */
  readonly kinds: readonly (KubernetesKind | KubernetesObject)[]
}

export type KubernetesObjects = {
  /** All that are known, each with its `kind`. */
  readonly objects: () => readonly Json[]
  /** Told after every change until stopped. */
  readonly watch: (changed: () => void) => { readonly stop: () => void }
  /** Whether what is known here is kept up to date. */
  readonly freshness: () => Freshness
  readonly stop: () => Promise<void>
}

/** Milliseconds before the server is asked again. */
const AGAIN = { first: 100, max: 5_000 }

/**
 * Lists and watches objects of a namespace. While the server is away the last that is known is kept, and said to be stale. It opens when
 * all kinds are listed, or the server has not answered.
 * @throws {TypeError} when there is no configuration of Kubernetes, or a number cannot be used
 *
 * @example
 * ```ts
 * import { kubernetesObjects } from '@dure/kubernetes'
 *
 * const ingresses = kubernetesObjects({ kinds: ['Ingress', 'Service'], namespace: 'shop' })
 * console.log(typeof ingresses) // → function
 * ```
 */
export function kubernetesObjects(options: KubernetesObjectsOptions): Adapter<KubernetesObjects> {
  checkNumbers('read from Kubernetes', options, { heartbeat: WAIT, timeout: WAIT })
  return (world) => open(options, world)
}

async function open(options: KubernetesObjectsOptions, { runtime, log }: World): Promise<KubernetesObjects> {
  const { heartbeat = 5_000, kinds } = options
  const { clock, timers, random } = runtime
  const { api, base, pathOf } = connect(options, timers)
  const stopping = new AbortController()
  const { signal } = stopping
  const pause = pausing(timers, signal)
  const watchers = new Set<() => void>()
  /** Which of them the server does not tell of now, and when it last did. */
  const away = new Set<Objects<Json>>()
  let heard = clock.now()

  const followed = kinds.map((meant) => {
    const { kind, fields } = typeof meant === 'string' ? { kind: meant } : selected(meant)
    const { version, group, resource } = KINDS[kind]
    return createObjects<Json>({
      ...{ api, path: pathOf(group, resource), selector: undefined, fields, interval: heartbeat, timers },
      // In lists they do not say it of themselves, and who has written which field is of no use here.
      read: ({ metadata, ...more }) => ({
        ...more,
        apiVersion: version,
        kind,
        metadata: { ...(metadata as Json), managedFields: undefined },
      }),
      unused: (unused, why) => log.warn(`${kind} "${unused}" is not used`, { why }),
    })
  })
  const tell = (objects: Objects<Json>, error?: unknown): void => {
    if (signal.aborted) return
    const before = away.size
    if (error === undefined) away.delete(objects)
    else away.add(objects)
    if (away.size === 0) heard = clock.now()
    if (before === 0 && away.size > 0)
      log.warn('Kubernetes is away: what was known of it last is kept, and is stale', {
        server: base,
        why: (error as Error).message,
      })
    if (before > 0 && away.size === 0) log.info('Kubernetes is back', { server: base })
  }
  const follow = async (objects: Objects<Json>, answered: () => void): Promise<void> => {
    for (let failed = 0; !signal.aborted;) {
      const seen = (): void => {
        failed = 0
        tell(objects)
        answered()
        for (const changed of watchers) changed()
      }
      try {
        await objects.follow(seen, signal)
      } catch (error) {
        if (signal.aborted) break
        tell(objects, error)
        answered()
        await pause(backoff(AGAIN, ++failed, random))
      }
    }
    answered()
  }
  const first = followed.map(() => Promise.withResolvers<void>())
  const working = followed.map((each, i) => follow(each, first[i]!.resolve))
  await Promise.all(first.map(({ promise }) => promise))
  return {
    objects: () => followed.flatMap((each) => [...each.objects()]),
    watch: (changed) => {
      watchers.add(changed)
      return { stop: () => void watchers.delete(changed) }
    },
    freshness: () => (away.size === 0 ? { fresh: true } : { fresh: false, since: heard }),
    stop: async () => {
      stopping.abort()
      await Promise.all(working)
    },
  }
}

function selected(meant: KubernetesObject): { readonly kind: KubernetesKind; readonly fields: string } {
  return { kind: meant.kind, fields: 'name' in meant ? `metadata.name=${meant.name}` : `type=${meant.type}` }
}
