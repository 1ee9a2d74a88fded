import type { DatabaseTime, SqlStore } from '../database.ts'
import type { CommandOutcome, CommandRun, IdempotencyRecords } from '../records.ts'
import type { SqlStatements } from './statements.ts'

/**
 * The body of a row is the id of its run until there is an answer. Nobody runs any more where there is no lease. `made_at` is when
 * its age begins to count: later than now where its key is held.
 */
export function sqlIdempotency(select: SqlStore['select'], time: DatabaseTime): IdempotencyRecords<SqlStatements> {
  const [now, times] = typeof time === 'string' ? [time, () => []] : ['?', () => [time()]]
  const columns = '(operation, key, fingerprint, outcome, body, made_at, owner, lease)'
  const insert = `INSERT INTO dure_idempotency ${columns} VALUES (?, ?, ?, ?, ?, ${now} + ?, ?, ${now} + ?)`
  const values = (run: CommandRun, outcome: CommandOutcome, body: string, lease: number) => {
    const { operation, key, fingerprint, owner, held = 0 } = run
    return [operation, key, fingerprint, outcome, body, ...times(), held, owner, ...times(), lease]
  }
  const write = `${insert} ON CONFLICT (operation, key) DO UPDATE SET outcome = excluded.outcome, body = excluded.body
    WHERE dure_idempotency.outcome IN ('running', 'committed') AND dure_idempotency.body = ?`
  const begin = `${insert} ON CONFLICT (operation, key) DO NOTHING`
  const takeOver = `UPDATE dure_idempotency SET fingerprint = ?, outcome = 'running', body = ?, made_at = ${now} + ?, owner = ?, lease = ${now} + ?
    WHERE operation = ? AND key = ? AND outcome = ? AND body = ?`
  const find = `SELECT fingerprint, outcome, body, owner, lease - ${now} AS remaining FROM dure_idempotency WHERE operation = ? AND key = ?`
  return {
    find: async ({ operation, key }) => {
      const [row] = await select(find, [...times(), operation, key])
      if (row === undefined) return undefined
      const { fingerprint, outcome, body, owner, remaining } = row
      return {
        ...{ fingerprint: String(fingerprint), outcome: outcome as CommandOutcome, body: String(body) },
        ...{ owner: String(owner), remaining: Number(remaining ?? 0) },
      }
    },
    begin: async (tx, { lease, instead, ...run }) => {
      if (instead === undefined) return (await tx.run(begin, values(run, 'running', run.run, lease))) === 1
      const { operation, key, fingerprint, owner, held = 0 } = run
      const changed = [fingerprint, run.run, ...times(), held, owner, ...times(), lease]
      return (await tx.run(takeOver, [...changed, operation, key, instead.outcome, instead.body])) === 1
    },
    commit: async (tx, run) => (await tx.run(write, [...values(run, 'committed', run.run, 0), run.run])) === 1,
    answer: async (tx, { outcome, body, ...run }) => (await tx.run(write, [...values(run, outcome, body, 0), run.run])) === 1,
    end: async (tx, { operation, key, run }) => {
      await tx.run('UPDATE dure_idempotency SET lease = 0 WHERE operation = ? AND key = ? AND body = ?', [operation, key, run])
    },
    release: async (tx, keys) => {
      if (keys.length === 0) return
      const named = keys.map(() => '(?, ?)').join(', ')
      const sql = `UPDATE dure_idempotency SET made_at = ${now} WHERE made_at > ${now} AND (operation, key) IN (VALUES ${named})`
      await tx.run(sql, [...times(), ...times(), ...keys.flatMap(({ operation, key }) => [operation, key])])
    },
  }
}
