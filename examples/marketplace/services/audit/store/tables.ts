import { database, type DatabaseDefinition } from 'dure/data'
import type { Mark } from '../../mark.ts'

export type AuditTables = {
  marks: {
    position: number
    tid: string
    type: Mark['type']
    actor_id: number
    status: Mark['status']
    source: string
    time: number
  }
}

/** Moments are milliseconds since the epoch. */
export const auditDatabase: DatabaseDefinition<AuditTables> = database<AuditTables>({
  migrations: {
    '001-marks': `
      CREATE TABLE marks (
        position INTEGER PRIMARY KEY,
        tid TEXT NOT NULL,
        type TEXT NOT NULL,
        actor_id INTEGER NOT NULL,
        status TEXT NOT NULL,
        source TEXT NOT NULL,
        time BIGINT NOT NULL
      );
      CREATE INDEX marks_of_transaction ON marks (tid);`,
  },
})
