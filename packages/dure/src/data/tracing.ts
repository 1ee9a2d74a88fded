import type { Message } from '../contract/contract.ts'
import { topicOf } from '../contract/internal.ts'
import { isSampled, type Tracer } from '../telemetry/internal.ts'
import type { Store, StoreTransaction } from './database.ts'
import type { Origin } from './origin.ts'

type Traced = { readonly origin: Origin; readonly tracer?: Tracer | undefined }

/** Runs a transaction in a span of its own, from the asking to the commit; what it announces is a child of that. */
export function tracedTransaction<T>(
  { service, engine }: Pick<Store, 'service' | 'engine'>,
  { origin, tracer }: Traced,
  run: (origin: Origin) => Promise<T>,
): Promise<T> {
  if (tracer === undefined || !isTraced(origin)) return run(origin)
  const span = tracer.begin({
    name: `transaction ${service}`,
    kind: 'client',
    service: origin.service,
    parent: origin.traceparent,
    attributes: { 'db.system.name': engine, 'db.namespace': service, 'db.operation.name': 'transaction' },
  })
  return run({ ...origin, correlationId: origin.correlationId, traceparent: span.traceparent, sampled: true }).then(
    (value) => {
      span.end()
      return value
    },
    (error: unknown) => {
      span.end(error ?? new Error('It was rolled back'))
      throw error
    },
  )
}

/** Puts a span between a transaction and what reacts to its message. It is told of if the transaction commits. */
export function tracedPublish(tx: Pick<StoreTransaction, 'onCommit'>, { origin, tracer }: Traced, message: Message): Message {
  if (tracer === undefined || !isTraced(origin)) return message
  const span = tracer.begin({
    name: `publish ${message.type}`,
    kind: 'producer',
    service: origin.service,
    parent: origin.traceparent,
    attributes: {
      'messaging.system': 'dure',
      'messaging.operation.type': 'send',
      'messaging.destination.name': topicOf(message),
      'messaging.message.id': message.id,
    },
  })
  tx.onCommit(() => span.end())
  return { ...message, traceparent: span.traceparent }
}

function isTraced({ sampled, traceparent }: Origin): boolean {
  return sampled ?? (traceparent !== undefined && isSampled(traceparent))
}
