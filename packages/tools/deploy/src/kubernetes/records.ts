import type { Json } from '@dure/kubernetes/internal'
import type { Release } from '../release.ts'
import { describedTrouble, type Deployed } from '../target/target.ts'
import type { Cluster, Kind } from './cluster.ts'
import { sharesIn, type KubernetesEntry } from './entry.ts'

/** What is known of a release that was applied. */
export type There = Deployed & { readonly name: string; readonly last: number; readonly order: number }

/** What the cluster has of a system: nothing is remembered beside it. */
export type Records = {
  /** The latest last. */
  readonly there: () => Promise<readonly There[]>
  /** @throws {DeployError} `TARGET` for a release that is not there */
  readonly find: (digest: string) => Promise<There>
}

/** Notes on a Deployment: which came after which, and how many copies it had when it last had some. */
export const ORDER = 'dure.dev/order'
export const LAST = 'dure.dev/last-copies'

/** The name of the object that says what a release is. */
export const recordOf = (name: string): string => `${name}-release`

export function createRecords(options: {
  readonly open: () => Promise<Cluster>
  readonly system: string
  readonly entry: KubernetesEntry
}): Records {
  const { open, system, entry } = options
  const entryKind: Kind = entry.kind === 'gateway' ? 'HTTPRoute' : 'Ingress'
  const all = `app.kubernetes.io/part-of=${system},dure.dev/release`

  const there: Records['there'] = async () => {
    const cluster = await open()
    const [deployments, records, route] = await Promise.all([
      cluster.list('Deployment', all),
      cluster.list('ConfigMap', all),
      cluster.read(entryKind, system),
    ])
    const shares = route === undefined ? new Map<string, number>() : sharesIn(route)
    const releases = new Map(
      records.map((record) => [metaOf(record).name, (record['data'] as Record<string, string>)?.['release.json']]),
    )
    return deployments
      .flatMap((deployment): readonly There[] => {
        const { name, annotations = {} } = metaOf(deployment)
        const text = releases.get(recordOf(name))
        if (text === undefined) return []
        const { replicas = 1 } = deployment['spec'] as { readonly replicas?: number }
        const about = { copies: replicas, share: shares.get(name) ?? 0, name }
        return [
          {
            release: JSON.parse(text) as Release,
            ...about,
            order: Number(annotations[ORDER]),
            last: Number(annotations[LAST] ?? replicas),
          },
        ]
      })
      .sort((a, b) => a.order - b.order)
  }
  const find: Records['find'] = async (digest) => {
    const found = (await there()).find(({ release }) => release.digest === digest)
    if (found !== undefined) return found
    throw describedTrouble(`find the release ${digest} on Kubernetes`, ['it was never applied here; deploy it'])
  }
  return { there, find }
}

type Meta = { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
const metaOf = (object: Json): Meta => object['metadata'] as Meta
