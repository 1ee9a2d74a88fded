import { CallError, stream, type AnyEvent, type Message, type Operation, type Schema } from '../contract/contract.ts'
import type { AnyAggregate } from './definition.ts'
import { PAGE } from './log.ts'
import { readPage } from './positions.ts'
import { worldOf } from './reader.ts'
import { storedOf } from './stored.ts'

/** One event of a history. */
export type HistoryEvent = Pick<
  Message,
  'id' | 'type' | 'key' | 'time' | 'data' | 'schemaVersion' | 'correlationId' | 'initiator'
> & {
  /** Given back to go on after it. */
  readonly position: string
  /** Its version. */
  readonly sequence: number
}

/** What an aggregate has published, from the first on: an operation for the contract of its service, and its handler. */
export type AggregateHistory = {
  readonly events: readonly AnyEvent[]
  readonly operation: Operation<'stream', Schema<{ after?: string }>, Schema<HistoryEvent>, {}, undefined>
  readonly handler: (
    input: { readonly after?: string },
    context: { readonly database: { readonly read: object } },
  ) => AsyncIterable<HistoryEvent>
}

/**
 * The history of an aggregate, for those that come later than a broker remembers, such as read models that are built anew.
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { aggregate, historyOf } from 'dure/eventsourcing'
 * import { z } from 'zod'
 *
 * const Paid = event('invoice.paid', { schema: z.object({ id: z.string() }), key: (e) => e.id })
 * const invoice = aggregate('invoice', { events: [Paid], publish: [Paid], initial: () => 0, decide: () => [], evolve: (n) => n + 1 })
 * const history = historyOf(invoice)
 * // contract('invoices', { operations: { history: history.operation }, … }), service(Invoices, { handlers: { history: history.handler }, … })
 * console.log(history.operation.kind, history.events.length) // → stream 1
 * ```
 */
export function historyOf({ name, publish }: Pick<AnyAggregate, 'name' | 'publish'>): AggregateHistory {
  const types = publish.map((event) => event.name)
  const input = { type: 'object', properties: { after: { type: 'string' } } }
  const text = { type: 'string' }
  const number = { type: 'integer' }
  const output = {
    type: 'object',
    properties: {
      ...{ id: text, type: text, key: text, time: number, data: text, schemaVersion: number, correlationId: text },
      ...{ position: text, sequence: number, initiator: text },
    },
    required: ['id', 'type', 'key', 'time', 'data', 'schemaVersion', 'correlationId', 'position', 'sequence'],
  }
  return {
    events: publish,
    operation: stream({ input: drawn<{ after?: string }>(input), output: drawn<HistoryEvent>(output) }),
    handler: async function* ({ after: first }, { database }) {
      const world = worldOf(database.read)
      if (world?.aggregates.has(name) !== true)
        throw new CallError(
          'FAILED_PRECONDITION',
          `Reading the history of "${name}" failed: it is no aggregate of this service. To do: list it among its "extensions"`,
        )
      if (types.length === 0) return
      for (let after = first; ;) {
        const page = await readPage(world.host.store, { after, limit: PAGE, types })
        for (const { row, position } of page.rows) {
          const {
            stream: of,
            streamId: key,
            version: sequence,
            id,
            type,
            time,
            data,
            schemaVersion,
            correlationId,
            initiator,
          } = storedOf(row)
          const began = initiator === undefined ? {} : { initiator }
          if (of === name) yield { id, type, key, time, data, schemaVersion, correlationId, ...began, position, sequence }
        }
        if (!page.more) return
        after = page.next
      }
    },
  }
}

function drawn<T>(json: Record<string, unknown>): Schema<T> {
  const jsonSchema = { input: () => json, output: () => json }
  return { '~standard': { version: 1, vendor: 'dure', validate: (value) => ({ value: value as T }), jsonSchema } }
}
