import type { Migrations } from '../database.ts'

/** Dure's own tables in every service's store: what outbox.ts and inbox.ts are written against. */
export const ownMigrations: Migrations = {
  'dure/0001-outbox': `
    CREATE TABLE dure_outbox (
      position INTEGER PRIMARY KEY,
      destination TEXT NOT NULL,
      delay INTEGER,
      id TEXT NOT NULL,
      source TEXT NOT NULL,
      type TEXT NOT NULL,
      key TEXT NOT NULL,
      time INTEGER NOT NULL,
      schema_version INTEGER NOT NULL,
      correlation_id TEXT NOT NULL,
      causation_id TEXT,
      traceparent TEXT,
      data TEXT NOT NULL
    )`,
  'dure/0002-inbox': `
    CREATE TABLE dure_inbox (
      consumer TEXT NOT NULL,
      message_id TEXT NOT NULL,
      seen_at INTEGER NOT NULL,
      PRIMARY KEY (message_id, consumer)
    ) WITHOUT ROWID`,
}
