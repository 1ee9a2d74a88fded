import type { Json } from '@dure/kubernetes/internal'
import { RegistryAway } from 'dure/discovery/internal'
import { describedTrouble, environmentProblems, type Target, type Wanted } from '../target/target.ts'
import type { Cluster, Kind } from './cluster.ts'
import { kubernetesDocuments, nameOf, type KubernetesObject, type KubernetesWorkload } from './documents.ts'
import { LAST, ORDER, recordOf, type Records } from './records.ts'

/** Bytes of an object that Kubernetes takes, less what it adds. */
const MOST_RELEASE = 900_000

/** Has objects be as a release wants them, or says what would be: the server is asked either way. */
export function createApplying(options: {
  readonly open: () => Promise<Cluster>
  readonly there: Records['there']
  readonly system: string
  readonly workload: KubernetesWorkload
}): Pick<Target, 'plan' | 'apply'> {
  const { open, there, system, workload } = options
  /** All objects, with what is remembered of the release. */
  const objectsOf = async (wanted: Wanted): Promise<readonly KubernetesObject[]> => {
    const { release } = wanted
    const known = await there()
    const before = known.find((one) => one.release.digest === release.digest)
    const copies = Math.max(wanted.copies, before?.copies ?? 0)
    const order = before?.order ?? Math.max(0, ...known.map((one) => one.order)) + 1
    const documents = kubernetesDocuments({ ...wanted, copies }, workload)
    const [first] = documents
    const record = { ...first!, metadata: { ...first!.metadata, name: recordOf(nameOf(release)) } }
    return [
      // Before the copies: who comes after a killed deployer knows whose they are.
      { ...record, immutable: true, data: { 'release.json': JSON.stringify(release) } },
      ...documents.map((one) =>
        one.kind === 'Deployment' ? annotated(one, { [ORDER]: String(order), [LAST]: String(copies) }) : one,
      ),
    ]
  }
  const problemsOf = (wanted: Wanted): readonly string[] => [
    ...environmentProblems(wanted),
    ...(wanted.release.system === system
      ? []
      : [`it is of system "${wanted.release.system}", and this target is of "${system}"`]),
    ...(JSON.stringify(wanted.release).length > MOST_RELEASE
      ? [`what it promises is longer than Kubernetes takes (${MOST_RELEASE} bytes); split the system`]
      : []),
  ]

  const plan: Target['plan'] = async (wanted) => {
    const refused = [...problemsOf(wanted)]
    if (refused.length > 0) return { changes: [], refused }
    const cluster = await open()
    const changed: string[] = []
    for (const object of await objectsOf(wanted)) {
      try {
        const [now, next] = await Promise.all([
          cluster.read(object.kind as Kind, object.metadata.name),
          cluster.apply(object, true),
        ])
        if (now === undefined || contentOf(now) !== contentOf(next)) changed.push(`${object.kind} ${object.metadata.name}`)
      } catch (error) {
        if (!(error instanceof RegistryAway) || error.status === undefined) throw error
        refused.push(`${object.kind} ${object.metadata.name}: ${error.message}`)
      }
    }
    const { system: name, version } = wanted.release
    const changes = changed.length === 0 ? [] : [`apply ${changed.join(', ')}: ${name} ${version}, which takes no calls by that`]
    return { changes, refused }
  }
  const apply: Target['apply'] = async (wanted) => {
    const refused = problemsOf(wanted)
    const { release } = wanted
    if (refused.length > 0) throw describedTrouble(`apply ${release.system} ${release.version}`, refused)
    const cluster = await open()
    for (const object of await objectsOf(wanted)) {
      await cluster.apply(object).catch((error: unknown) => {
        throw describedTrouble(
          `apply ${release.system} ${release.version}`,
          [`${object.kind}: ${(error as Error).message}`],
          error,
        )
      })
    }
  }
  return { plan, apply }
}

function annotated(object: KubernetesObject, annotations: Readonly<Record<string, string>>): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, annotations } }
}

/** An object as it is meant, without what the server notes of it. */
function contentOf({ status: _, ...object }: Json): string {
  const { labels, annotations } = object['metadata'] as { readonly labels?: unknown; readonly annotations?: unknown }
  return JSON.stringify({ ...object, metadata: { labels, annotations } })
}
