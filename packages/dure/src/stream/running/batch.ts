import type { AnyEvent, Message } from '../../contract/contract.ts'
import { messageOf } from '../../data/internal.ts'
import { decoderOf } from '../../messaging/internal.ts'
import type { Delivery } from '../../messaging/messaging.ts'
import type { Clock } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { Node } from '../graph.ts'
import type { Cause } from '../exchange.ts'
import type { HandedRecord, InputRecord, Task } from '../task.ts'

/** One message that is to run through, and where it goes. */
export type Entry = {
  readonly node: Node
  readonly record: InputRecord
  readonly message: Message
  /** Undefined of one that is tried again. */
  readonly position: string | undefined
}
/** What an operator publishes; `at`: the entry that led to it, -1 where time did. */
export type Output = { readonly event: AnyEvent; readonly data: unknown; readonly at: number }
/** A record of another task that is to run through. `message`: it as a message, should it have to wait. */
export type HandedEntry = {
  readonly position: undefined
  readonly record: HandedRecord
  readonly message: Message
  readonly cause: Cause | undefined
}
export type Failure = { readonly message: Message; readonly error: unknown }
/** What does not run through: it failed, with the key that waits behind it where one does; or it waits behind one of its key that did. */
export type SetAside = { readonly message: Message } & (
  | { readonly error: unknown; readonly holds: string | undefined }
  | { readonly behind: string }
)
/** An entry that failed, by its index; -1 where it is nobody's fault. */
export type Failed = { readonly failed: number; readonly error: unknown }

/** Who reads the messages of each type, and how. */
export type Decoders = ReadonlyMap<string, { readonly node: Node; readonly decode: ReturnType<typeof decoderOf> }>

export function decodersOf(sources: readonly Node[]): Decoders {
  return new Map(sources.map((node) => [node.source!.event.name, { node, decode: decoderOf(node.source!.event) }]))
}

/** What a topology reads of a batch; what cannot be read is put to the failures. */
export async function decoded(
  decoders: Decoders,
  batch: readonly (Pick<Delivery, 'message'> & { readonly position?: string })[],
  failures: Failure[],
): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const { message, position } of batch) {
    const known = decoders.get(message.type)
    // Others of its topic are for others.
    if (known === undefined) continue
    try {
      const read = known.decode(message)
      const value = read instanceof Promise ? await read : read
      entries.push({ node: known.node, record: { value, key: message.key, time: message.time }, message, position })
    } catch (error) {
      failures.push({ message, error })
    }
  }
  return entries
}

/** Runs what is there through; answers the index of what failed, if one did. */
export function runThrough(
  task: Task,
  entries: readonly Entry[],
  { partition, clock }: { readonly partition: number; readonly clock: Clock },
): Failed | undefined {
  let from = 0
  while (from < entries.length) {
    const { node } = entries[from]!
    let to = from + 1
    while (to < entries.length && entries[to]!.node === node) to++
    const some = entries.slice(from, to)
    try {
      task.process(
        node,
        partition,
        some.map(({ record }) => record),
        clock.now(),
        from,
      )
    } catch (error) {
      return { failed: task.at(), error }
    }
    from = to
  }
  return undefined
}

/** Runs what others have handed on through; answers the index of what failed, if one did. */
export function runHanded(task: Task, entries: readonly HandedEntry[]): Failed | undefined {
  try {
    task.take(entries.map(({ record }) => record))
    return undefined
  } catch (error) {
    return { failed: task.at(), error }
  }
}

/** What led to a record. */
export const causeOf = (entry: Entry | HandedEntry | undefined): Cause | undefined =>
  entry === undefined || 'cause' in entry ? entry?.cause : entry.message

/** What is to be published, checked as its events say, and saying which message led to it. */
export async function messagesOf(
  { service, runtime }: ExtensionHost,
  out: readonly Output[],
  entries: readonly (Entry | HandedEntry)[],
): Promise<{ readonly messages: readonly Message[] } | Failed> {
  const messages: Message[] = []
  for (const { event, data, at } of out) {
    const cause = causeOf(entries[at])
    const origin = {
      service,
      correlationId: cause?.correlationId ?? runtime.ids.next(),
      ...{ causationId: cause?.id, traceparent: cause?.traceparent, initiator: cause?.initiator },
    }
    try {
      messages.push(await messageOf(event, data, { origin, runtime }))
    } catch (error) {
      return { failed: at, error }
    }
  }
  return { messages }
}
