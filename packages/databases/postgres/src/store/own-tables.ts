import type { Migrations } from 'dure/data'
import { ownMigrations as common } from 'dure/data/internal'
import { membersTable } from './members.ts'

/** Dure's own tables in every service's store. Texts are compared byte by byte, as in the embedded database. */
export const ownMigrations: Migrations = {
  ...common,
  ...membersTable,
  'dure/0002-inbox': `
    CREATE TABLE dure_inbox (
      consumer TEXT COLLATE "C" NOT NULL,
      message_id TEXT COLLATE "C" NOT NULL,
      seen_at BIGINT NOT NULL,
      PRIMARY KEY (message_id, consumer)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)`,
}

/** The server's clock, which moves within a transaction as well, in milliseconds. */
export const SERVER_TIME = 'CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)'
