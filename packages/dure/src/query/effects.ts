import type { SqlTransaction } from '../data/data.ts'
import type { ConsumerReaction } from '../messaging/messaging.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { ModelVersion } from './model.ts'

/** What a model does outside: of the newest version alone, in the service's own store, once for each event. */
export function effectsOf(
  { bind, service, log }: ExtensionHost,
  model: ModelVersion,
): readonly ConsumerReaction<SqlTransaction>[] {
  const wanted = model.from.filter(({ name }) => model.effects[name] !== undefined)
  return [...Map.groupBy(wanted, ({ topic }) => topic)].map(([topic, [event, ...others]]) => ({
    ...{ kind: 'topic', name: `${model.name}/${topic}`, event: event!, others, concurrency: 16, retry: model.retry },
    prepare: undefined,
    handle: async ({ message, data }, tx) => {
      const { id, type, source, key, time, correlationId, headers = {} } = message
      const { replyTo, sequence, initiator, traceparent } = message
      const received = { id, type, source, key, time, correlationId, headers, replyTo, sequence, initiator, data }
      const origin = { service, correlationId, causationId: id, traceparent, initiator }
      await model.effects[type]!(received as never, { tx: bind(tx, origin), log } as never)
    },
  }))
}
