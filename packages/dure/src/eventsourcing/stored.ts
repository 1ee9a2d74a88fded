import { CallError, type Message } from '../contract/contract.ts'
import type { SqlRow } from '../data/data.ts'
import type { StoredFacts } from './definition.ts'

/** An event as it is stored. */
export type Stored = StoredFacts & { readonly type: string; readonly data: string }

export function unreadable({ stream, streamId, version, type }: StoredFacts & { readonly type: string }, why: string): CallError {
  return new CallError('DATA_LOSS', `Cannot read event ${version} of ${stream} "${streamId}" ("${type}")${why}`, {
    details: { stream, streamId, version },
    inside: true,
  })
}

export function storedOf(row: SqlRow): Stored {
  return {
    id: String(row['id']),
    stream: String(row['stream']),
    streamId: String(row['stream_id']),
    version: Number(row['version']),
    type: String(row['type']),
    time: Number(row['time']),
    schemaVersion: Number(row['schema_version']),
    correlationId: String(row['correlation_id']),
    causationId: (row['causation_id'] ?? undefined) as string | undefined,
    initiator: (row['initiator'] ?? undefined) as string | undefined,
    data: String(row['data']),
  }
}

/** Of a message that was made for it. */
export function storedFrom(message: Message, at: Pick<Stored, 'stream' | 'streamId' | 'version' | 'data'>): Stored {
  const { id, type, time, schemaVersion, correlationId, causationId, initiator } = message
  return { id, type, time, schemaVersion, correlationId, causationId, initiator, ...at }
}
