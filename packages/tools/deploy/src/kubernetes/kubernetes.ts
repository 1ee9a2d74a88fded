/** Releases in Kubernetes: a Deployment each, side by side, with an Ingress or a Gateway's route before them. */
import type { ClusterOptions } from '@dure/kubernetes/internal'
import { RegistryAway } from 'dure/discovery/internal'
import { realRuntime, type Runtime } from 'dure/runtime'
import { describedTrouble, environmentProblems, shareProblems, type CopyHealth, type Target } from '../target/target.ts'
import { createApplying } from './applying.ts'
import type { Cluster } from './cluster.ts'
import { selectorOf, type KubernetesWorkload } from './documents.ts'
import { entryOf, entryProblems, type KubernetesEntry, type Share } from './entry.ts'
import { copiesOf } from './pods.ts'
import { createRecords, LAST, type There } from './records.ts'

export { kubernetesDocuments, kubernetesText, type KubernetesObject, type KubernetesWorkload } from './documents.ts'
export type { KubernetesEntry } from './entry.ts'

export type KubernetesOptions = KubernetesWorkload &
  Pick<ClusterOptions, 'kubeconfig' | 'timeout'> & {
    /** The system whose releases are there. */
    readonly system: string
    readonly entry: KubernetesEntry
    /** Milliseconds that copies may take to get ready. Default 120,000. */
    readonly readiness?: number
    readonly runtime?: Runtime
  }

/** Milliseconds between two looks at pods, and that Kubernetes may take to begin to end some. */
const [LOOK, LEAVING] = [200, 10_000]

/**
 * Runs releases in one namespace of a cluster, as whoever the kubeconfig says. What is there is read from the cluster each time, so any
 * deployer goes on where another was killed.
 *
 * @example
 * ```ts
 * import { kubernetes } from '@dure/deploy'
 *
 * const entry = { kind: 'gateway', host: 'shop.example', gateway: 'public' } as const
 * const target = (): ReturnType<typeof kubernetes> => kubernetes({ system: 'shop', namespace: 'shop', entry, memory: '512Mi' })
 * console.log(typeof target) // → function
 * ```
 */
export function kubernetes(options: KubernetesOptions): Target {
  const { system, namespace, entry, readiness = 120_000, runtime = realRuntime() } = options
  const { clock, timers } = runtime
  let opened: Promise<Cluster> | undefined
  // Its client is loaded by who has a cluster.
  const open = (): Promise<Cluster> => (opened ??= import('./cluster.ts').then(({ openCluster }) => openCluster(options, timers)))
  const { there, find } = createRecords({ open, system, entry })

  const { plan, apply } = createApplying({ open, there, system, workload: options })
  const health = async (digest: string): Promise<{ readonly copies: readonly CopyHealth[] }> => {
    const { release, copies, name } = await find(digest)
    const selector = Object.entries(selectorOf(release)).map(([key, value]) => `${key}=${value}`)
    const pods = await (await open()).list('Pod', selector.join(','))
    return { copies: copiesOf(pods, copies, name) }
  }
  /** @throws {DeployError} `TARGET` when they do not get ready */
  const ready = async (digest: string): Promise<void> => {
    const until = clock.monotonic() + readiness
    for (;;) {
      const { copies } = await health(digest)
      const wrong = copies.filter(({ state }) => state !== 'ready')
      if (wrong.length === 0) return
      if (clock.monotonic() > until || wrong.some(({ state, restarts }) => state === 'ended' || restarts > 1))
        throw describedTrouble(
          'have new copies take calls',
          wrong.map(({ name, state, reason = 'it says nothing' }) => `copy ${name} is ${state}: ${reason}`),
        )
      await timers.sleep(LOOK)
    }
  }
  const replicas = async ({ release, name, last }: There, copies: number): Promise<void> => {
    const cluster = await open()
    const annotations = { [LAST]: String(copies > 0 ? copies : last) }
    if (options.autoscale !== undefined && copies > 0) {
      const spec = { minReplicas: copies, maxReplicas: Math.max(options.autoscale.most, copies) }
      await cluster.patch('HorizontalPodAutoscaler', name, { spec })
    }
    await cluster.patch('Deployment', name, { metadata: { annotations }, spec: { replicas: copies } })
    // Those that are too many are told to end a moment later; that they have ended is not waited for.
    const until = clock.monotonic() + LEAVING
    while ((await health(release.digest)).copies.length > copies && clock.monotonic() < until) await timers.sleep(LOOK)
  }
  const share = async (shares: readonly Share[]): Promise<void> => {
    const refused = entryProblems(entry, shares)
    if (refused.length > 0) throw describedTrouble('share the calls', refused)
    await (await open()).apply(entryOf(system, namespace, entry, shares)).catch((error: unknown) => {
      const missing = error instanceof RegistryAway && error.status === 404
      const advice = missing ? 'this cluster has no Gateway API; install it, or have an Ingress' : (error as Error).message
      throw describedTrouble('share the calls', [advice], error)
    })
  }
  const grow = async (found: There, copies: number): Promise<void> => {
    await replicas(found, copies)
    try {
      await ready(found.release.digest)
    } catch (error) {
      await replicas(found, found.copies)
      throw error
    }
  }

  return {
    ...{ name: 'kubernetes', plan, apply, health },
    shift: async (shares) => {
      const known = await there()
      for (const digest of Object.keys(shares)) await find(digest)
      const problems = shareProblems(shares, (digest) => (known.find((one) => one.release.digest === digest)?.copies ?? 0) > 0)
      if (problems.length > 0) throw describedTrouble('share the calls', problems)
      await share(known.flatMap(({ release }) => (shares[release.digest] ? [{ release, share: shares[release.digest]! }] : [])))
    },
    scale: async (digest, copies) => {
      const found = await find(digest)
      const { release } = found
      const refused = [
        ...(copies === 0 ? [] : environmentProblems({ copies })),
        ...(copies === 0 && found.share > 0 ? [`it takes ${found.share} % of the calls; give them to others first`] : []),
      ]
      if (refused.length > 0) throw describedTrouble(`scale ${release.system} ${release.version}`, refused)
      if (copies > found.copies) await grow(found, copies)
      else await replicas(found, copies)
    },
    rollBack: async (digest) => {
      const found = await find(digest)
      await grow(found, found.copies === 0 ? found.last : found.copies)
      await share([{ release: found.release, share: 100 }])
      for (const one of await there()) if (one.release.digest !== digest && one.copies > 0) await replicas(one, 0)
    },
    list: async () => (await there()).map(({ release, copies, share }) => ({ release, copies, share })),
  }
}
