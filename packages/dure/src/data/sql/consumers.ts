import type { ConsumerRecords } from '../records.ts'
import type { SqlStatements } from './statements.ts'

export const sqlConsumers: ConsumerRecords<SqlStatements> = {
  begin: async (tx, consumer) => {
    const [row] = await tx.all('SELECT clean, crashes FROM dure_consumers WHERE consumer = ?', [consumer])
    const crashes = row === undefined || Number(row['clean']) === 1 ? 0 : Number(row['crashes']) + 1
    await tx.run(
      `INSERT INTO dure_consumers (consumer, clean, crashes) VALUES (?, 0, ?)
       ON CONFLICT (consumer) DO UPDATE SET clean = 0, crashes = excluded.crashes`,
      [consumer, crashes],
    )
    return crashes
  },
  settle: async (tx, consumer, how) => {
    await tx.run('UPDATE dure_consumers SET clean = ?, crashes = 0 WHERE consumer = ?', [how === 'ended' ? 1 : 0, consumer])
  },
}
