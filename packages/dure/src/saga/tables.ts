/**
 * What is kept of sagas: each instance, its history, and what has arrived for it. Of one instance, what its code does is numbered
 * from 0 upwards, what people decided from -1 downwards.
 *
 * `due_at` is when somebody has to look at an instance: it waits until then, or its owner's lease ends. Null: something has to arrive
 * first (`waits`), somebody has to decide (`paused`), or it has ended.
 */
export const migrations = {
  'dure/saga-0001': `
    CREATE TABLE dure_sagas (
      saga TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, state TEXT NOT NULL, epoch BIGINT NOT NULL,
      owner TEXT, due_at BIGINT, until_at BIGINT, delay BIGINT NOT NULL, waits TEXT, crashes BIGINT NOT NULL, path TEXT NOT NULL,
      began_at BIGINT NOT NULL, deadline_at BIGINT, ended_at BIGINT, parent TEXT,
      correlation_id TEXT NOT NULL, causation_id TEXT, traceparent TEXT,
      reason TEXT, failure TEXT, input TEXT NOT NULL, output TEXT,
      PRIMARY KEY (saga, id)
    );
    CREATE INDEX dure_sagas_due ON dure_sagas (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX dure_sagas_waits ON dure_sagas (waits) WHERE waits IS NOT NULL;
    CREATE INDEX dure_sagas_open ON dure_sagas (saga, began_at) WHERE ended_at IS NULL;
    CREATE INDEX dure_sagas_ended ON dure_sagas (ended_at) WHERE ended_at IS NOT NULL;
    CREATE TABLE dure_saga_steps (
      saga TEXT NOT NULL, id TEXT NOT NULL, position BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, schema TEXT NOT NULL,
      state TEXT NOT NULL, undo BIGINT NOT NULL, tries BIGINT NOT NULL, began_at BIGINT NOT NULL, ended_at BIGINT,
      result TEXT, error TEXT,
      PRIMARY KEY (saga, id, position)
    );
    CREATE TABLE dure_saga_mail (
      address TEXT NOT NULL, message_id TEXT NOT NULL, saga TEXT, id TEXT, arrived_at BIGINT NOT NULL, data TEXT NOT NULL,
      PRIMARY KEY (address, message_id)
    );
    CREATE INDEX dure_saga_mail_age ON dure_saga_mail (arrived_at)`,
  'dure/saga-0002': 'ALTER TABLE dure_sagas ADD COLUMN initiator TEXT',
  'dure/saga-0003': 'CREATE INDEX dure_sagas_correlation ON dure_sagas (correlation_id)',
} as const
