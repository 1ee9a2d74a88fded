import type { DatabaseTime, SqlStore } from '../database.ts'
import type { Retained, UpkeepRecords } from '../records.ts'
import type { SqlStatements } from './statements.ts'

export function sqlUpkeep(select: SqlStore['select'], time: DatabaseTime): UpkeepRecords<SqlStatements> {
  const [now, times] = typeof time === 'string' ? [time, () => []] : ['?', () => [time()]]
  const turn = `INSERT INTO dure_upkeep (task, at) VALUES (?, ${now})
    ON CONFLICT (task) DO UPDATE SET at = excluded.at WHERE dure_upkeep.at <= excluded.at - ?`
  const old = {
    // Asked for its age once more, where one has been taken over since the look.
    keys: `DELETE FROM dure_idempotency WHERE (operation, key) IN
      (SELECT operation, key FROM dure_idempotency WHERE made_at < ${now} - ? ORDER BY made_at LIMIT ?) AND made_at < ${now} - ?`,
    // Decisions of one moment go together. They are never changed.
    audit: `DELETE FROM dure_parked_audit WHERE at <=
      (SELECT max(at) FROM (SELECT at FROM dure_parked_audit WHERE at < ${now} - ? ORDER BY at LIMIT ?) AS old)`,
  }
  const retained = async (from: string, at: string, ...texts: readonly string[]): Promise<Retained> => {
    const size = texts.map((text) => `coalesce(octet_length(${text}), 0)`).join(' + ')
    const [row] = await select(
      `SELECT count(*) AS n, coalesce(sum(${size}), 0) AS bytes, ${now} - min(${at}) AS age FROM ${from}`,
      times(),
    )
    const { n, bytes, age } = row!
    return { rows: Number(n), bytes: Number(bytes), age: age === null ? undefined : Math.max(0, Number(age)) }
  }
  return {
    turn: async (tx, { task, every }) => (await tx.run(turn, [task, ...times(), every])) === 1,
    retained: async () => ({
      inbox: await retained('dure_inbox', 'seen_at', 'consumer', 'message_id'),
      keys: await retained('dure_idempotency', 'made_at', 'operation', 'key', 'body'),
      deadLetters: await retained("dure_parked WHERE state = 'dead'", 'last_failure', 'key', 'message', 'error'),
      audit: await retained('dure_parked_audit', 'at', 'reason', 'error', 'message', 'data'),
    }),
    forget: (tx, { part, age, limit }) =>
      tx.run(old[part], [...times(), age, limit, ...(part === 'keys' ? [...times(), age] : [])]),
  }
}
