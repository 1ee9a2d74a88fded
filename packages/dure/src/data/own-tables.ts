/**
 * The tables of Dure's own parts in every service's store, and the one way in which they are made and changed: migrations
 * like those of a service, each applied once, in order of name, and recorded in `dure_migrations`. An adapter applies them
 * before the service's own, so whoever is handed a `Store` finds its tables there and makes none.
 *
 * A new part adds its tables here, under the next number. A table that has to change gets a further migration
 * (`'dure/0005-parked-revision': 'ALTER TABLE …'`); the text of one that was released is never edited. The SQL is what all
 * engines know; where an engine needs another text, its adapter gives one under the same name:
 * `{ ...ownMigrations, 'dure/0002-inbox': … }`.
 */
export const ownMigrations: Readonly<
  Record<
    | 'dure/0001-outbox'
    | 'dure/0002-inbox'
    | 'dure/0003-parked'
    | 'dure/0004-idempotency'
    | 'dure/0005-message-attributes'
    | 'dure/0006-partitions'
    | 'dure/0007-parked-partitions'
    | 'dure/0008-idempotency-lease'
    | 'dure/0009-upkeep',
    string
  >
> = {
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
  // Older stores have these and the next ones already. What may be long comes last: looking at the rest does not read it.
  'dure/0003-parked': `
    CREATE TABLE IF NOT EXISTS dure_parked (
      consumer TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, key_hash TEXT NOT NULL, sequence BIGINT NOT NULL,
      message_id TEXT NOT NULL, letter TEXT NOT NULL, state TEXT NOT NULL,
      started BIGINT NOT NULL, finished BIGINT NOT NULL, crashes BIGINT NOT NULL, next_at BIGINT NOT NULL,
      fingerprint TEXT NOT NULL, first_failure BIGINT, last_failure BIGINT,
      error TEXT NOT NULL, message TEXT NOT NULL,
      PRIMARY KEY (consumer, message_id)
    );
    CREATE INDEX IF NOT EXISTS dure_parked_order ON dure_parked (consumer, key_hash, sequence);
    CREATE INDEX IF NOT EXISTS dure_parked_dead ON dure_parked (last_failure, letter) WHERE state = 'dead';
    CREATE TABLE IF NOT EXISTS dure_parked_audit (
      at BIGINT NOT NULL, letter TEXT NOT NULL, consumer TEXT NOT NULL, topic TEXT NOT NULL, message_id TEXT NOT NULL,
      action TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL, error TEXT NOT NULL, message TEXT NOT NULL, data TEXT
    );
    CREATE INDEX IF NOT EXISTS dure_parked_audit_at ON dure_parked_audit (at, letter);
    CREATE INDEX IF NOT EXISTS dure_parked_audit_letter ON dure_parked_audit (letter);
    CREATE TABLE IF NOT EXISTS dure_consumers (consumer TEXT PRIMARY KEY, clean BIGINT NOT NULL, crashes BIGINT NOT NULL)`,
  'dure/0004-idempotency': `
    CREATE TABLE IF NOT EXISTS dure_idempotency (
      operation TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, body TEXT,
      made_at BIGINT NOT NULL, PRIMARY KEY (operation, key)
    );
    CREATE INDEX IF NOT EXISTS dure_idempotency_age ON dure_idempotency (made_at)`,
  'dure/0005-message-attributes': 'ALTER TABLE dure_outbox ADD COLUMN attributes TEXT',
  'dure/0006-partitions': `
    CREATE TABLE dure_partitions (
      consumer TEXT NOT NULL, topic TEXT NOT NULL, partition BIGINT NOT NULL, epoch BIGINT NOT NULL, owner TEXT NOT NULL,
      broker TEXT NOT NULL, token BIGINT NOT NULL, unclean BIGINT NOT NULL, crashes BIGINT NOT NULL,
      PRIMARY KEY (consumer, topic, partition)
    )`,
  // A message without a partition was parked by an older release.
  'dure/0007-parked-partitions': `
    ALTER TABLE dure_parked ADD COLUMN partition BIGINT;
    ALTER TABLE dure_parked ADD COLUMN revision BIGINT NOT NULL DEFAULT 0`,
  'dure/0008-idempotency-lease':
    'ALTER TABLE dure_idempotency ADD COLUMN owner TEXT; ALTER TABLE dure_idempotency ADD COLUMN lease BIGINT',
  'dure/0009-upkeep': 'CREATE TABLE dure_upkeep (task TEXT PRIMARY KEY, at BIGINT NOT NULL)',
}
