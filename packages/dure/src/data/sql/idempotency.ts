import type { SqlStore } from '../database.ts'
import type { CommandOutcome, IdempotencyRecords } from '../records.ts'
import type { SqlStatements } from './statements.ts'

/** The body of a row is the id of the run that committed until there is an answer. */
export function sqlIdempotency(select: SqlStore['select']): IdempotencyRecords<SqlStatements> {
  return {
    find: async ({ operation, key }) => {
      const [row] = await select('SELECT fingerprint, outcome, body FROM dure_idempotency WHERE operation = ? AND key = ?', [
        operation,
        key,
      ])
      if (row === undefined) return undefined
      const { fingerprint, outcome, body } = row
      return { fingerprint: String(fingerprint), outcome: outcome as CommandOutcome, body: String(body) }
    },
    commit: async (tx, { operation, key, fingerprint, run, at }) =>
      (await tx.run(WRITE, [operation, key, fingerprint, 'committed', run, at, run])) === 1,
    answer: async (tx, { operation, key, fingerprint, run, at, outcome, body }) => {
      await tx.run(WRITE, [operation, key, fingerprint, outcome, body, at, run])
    },
    forget: async (tx, { before, limit }) => {
      await tx.run(
        'DELETE FROM dure_idempotency WHERE (operation, key) IN (SELECT operation, key FROM dure_idempotency WHERE made_at < ? ORDER BY made_at LIMIT ?)',
        [before, limit],
      )
    },
  }
}

const WRITE = `INSERT INTO dure_idempotency (operation, key, fingerprint, outcome, body, made_at) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (operation, key) DO UPDATE SET outcome = excluded.outcome, body = excluded.body
  WHERE dure_idempotency.outcome = 'committed' AND dure_idempotency.body = ?`
