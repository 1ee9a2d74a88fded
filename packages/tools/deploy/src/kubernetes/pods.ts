import type { Json } from '@dure/kubernetes/internal'
import type { CopyHealth } from '../target/target.ts'

/** How the copies of a release are, by the pods that Kubernetes has of it; of those that it has not made yet nothing is known. */
export function copiesOf(pods: readonly Json[], wanted: number, name: string): readonly CopyHealth[] {
  // One that is leaving is no copy any more.
  const there = pods.filter((pod) => (pod['metadata'] as Meta).deletionTimestamp === undefined).map(healthOf)
  const missing = Math.max(0, wanted - there.length)
  return [
    ...there,
    ...Array.from({ length: missing }, (_, at): CopyHealth => {
      return { name: `${name}-${at + 1}`, state: 'starting', restarts: 0, reason: 'Kubernetes has made no pod for it yet' }
    }),
  ]
}

type Meta = { readonly name: string; readonly deletionTimestamp?: string }
type Reason = { readonly reason?: string; readonly message?: string }
type Status = {
  readonly phase?: string
  readonly conditions?: readonly ({ readonly type: string; readonly status: string } & Reason)[]
  readonly containerStatuses?: readonly {
    readonly ready: boolean
    readonly started?: boolean
    readonly restartCount: number
    readonly state?: {
      readonly waiting?: Reason
      readonly terminated?: Reason & { readonly exitCode?: number }
      readonly running?: object
    }
    readonly lastState?: { readonly terminated?: Reason & { readonly exitCode?: number } }
  }[]
} & Reason

function healthOf(pod: Json): CopyHealth {
  const { name } = pod['metadata'] as Meta
  const { phase, conditions = [], containerStatuses: [container] = [], ...told } = (pod['status'] ?? {}) as Status
  const restarts = container?.restartCount ?? 0
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return { name, state: 'ready', restarts }
  const { waiting, terminated } = container?.state ?? {}
  const last = container?.lastState?.terminated
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  const ended = phase === 'Failed' || phase === 'Succeeded'
  const reason = wordsOf(waiting ?? terminated ?? unscheduled ?? (told.reason === undefined ? ready : told), last)
  const state = ended ? 'ended' : container?.started === true && container.state?.running !== undefined ? 'unready' : 'starting'
  return { name, state, restarts, ...(reason !== '' && { reason }) }
}

function wordsOf({ reason, message }: Reason = {}, last: (Reason & { readonly exitCode?: number }) | undefined): string {
  const before =
    last === undefined
      ? []
      : [`it ended before with ${last.exitCode ?? '?'}${last.reason === undefined ? '' : ` (${last.reason})`}`]
  return [...(reason === undefined ? [] : [reason]), ...(message === undefined ? [] : [message.slice(0, 300)]), ...before].join(
    ': ',
  )
}
