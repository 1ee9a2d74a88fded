import type { Message } from '../../contract/contract.ts'
import type { Delivery } from '../../messaging/messaging.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { Node } from '../graph.ts'
import { inOrder } from '../task.ts'
import type { Decoders, Failure, SetAside } from './batch.ts'
import type { StageTask } from './stage-task.ts'

type Batch = readonly Pick<Delivery, 'message'>[]

/** Answers of a batch what does not run through. `isTried`: of one that is tried again, behind which others wait already. */
export function createAside(options: {
  readonly store: ExtensionHost['store']
  readonly consumer: string
  readonly decoders: Decoders
  readonly stage: StageTask | undefined
}): (
  batch: Batch,
  partition: number,
  isTried: boolean,
) => Promise<(failures: readonly Failure[]) => ReadonlyMap<Message, SetAside>> {
  const { store, consumer, decoders, stage } = options
  const holding = holdingOf(decoders, stage)
  return async (batch, partition, isTried) => {
    const keys = holding.any && !isTried ? await store.records.parked.keys({ consumer, partition }) : []
    const held = new Set(keys.map(({ key }) => key))
    return (failures) => setAside(batch, failures, { held, keyOf: holding.keyOf })
  }
}

/** Which key waits behind a message that fails: that of the event; of what was handed on, the key under which it was. */
function holdingOf(decoders: Decoders, stage: StageTask | undefined) {
  const holds = ({ source }: Node): boolean => source?.failures === 'hold'
  const edges = new Set([...(stage?.stage.takes ?? [])].flatMap(([edge, node]) => (inOrder([node]).some(holds) ? [edge] : [])))
  const keyOf = ({ type, key }: Message): string | undefined => {
    if (edges.has(type)) return `${stage!.stage.name} ${key}`
    const source = decoders.get(type)?.node
    return source !== undefined && holds(source) ? key : undefined
  }
  return { any: edges.size > 0 || [...decoders.values()].some(({ node }) => holds(node)), keyOf }
}

/**
 * What of a batch does not run through, in order. `held`: the keys of which something failed before; `keyOf`: the key of a message that waits
 * behind what fails, where that is declared.
 */
function setAside(
  batch: Batch,
  failures: readonly Failure[],
  { held, keyOf }: { readonly held: ReadonlySet<string>; readonly keyOf: (message: Message) => string | undefined },
): ReadonlyMap<Message, SetAside> {
  const all = new Map<Message, SetAside>()
  if (failures.length + held.size === 0) return all
  const keys = new Set(held)
  const failed = new Map(failures.map(({ message, error }) => [message, error]))
  for (const { message } of batch) {
    const key = keyOf(message)
    if (key !== undefined && keys.has(key)) all.set(message, { message, behind: key })
    else if (failed.has(message)) {
      all.set(message, { message, error: failed.get(message), holds: key })
      if (key !== undefined) keys.add(key)
    }
  }
  return all
}
