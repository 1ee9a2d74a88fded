import type { SqlStore, SqlTransaction, SqlValue } from '../../data/data.ts'
import { SHARES, type Share } from './assignment.ts'

/**
 * Which copy has which share of the keys. A copy is a row as long as it says so in time (`lease_at`, by the clock of the database); a
 * share is its own while the share's epoch is the one that its claim has brought about.
 */
export const migrations: Readonly<Record<string, string>> = {
  'dure/keyed-0001': `
    CREATE TABLE dure_key_members (member TEXT PRIMARY KEY, instance TEXT, lease_at BIGINT NOT NULL);
    CREATE TABLE dure_key_shares (share BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, owner TEXT);
    INSERT INTO dure_key_shares (share, epoch) VALUES ${Array.from({ length: SHARES }, (_, share) => `(${share}, 0)`).join(', ')}`,
} as const

/** A copy that takes calls, and the id by which the registry knows it. */
export type ShareMember = { readonly member: string; readonly instance: string | undefined }

export type ShareRecords = ReturnType<typeof shareRecords>

export function shareRecords(store: SqlStore) {
  const { time, member } = store
  const [NOW, now] = typeof time === 'string' ? [time, () => []] : ['CAST(? AS BIGINT)', () => [time()]]
  const change = (sql: string, values: readonly SqlValue[]): Promise<number> =>
    store.transaction((tx) => tx.run(sql, values), { isolated: false })

  return {
    /** From now on it is a member, for `lease` milliseconds. */
    join: (instance: string | undefined, lease: number): Promise<number> =>
      change(`INSERT INTO dure_key_members (member, instance, lease_at) VALUES (?, ?, ${NOW} + ?)`, [
        ...[member, instance ?? null],
        ...[...now(), lease],
      ]),
    /** For `lease` milliseconds more. False: it has been taken for dead, and has nothing any more. */
    renew: async (lease: number): Promise<boolean> =>
      (await change(`UPDATE dure_key_members SET lease_at = ${NOW} + ? WHERE member = ?`, [...now(), lease, member])) === 1,
    leave: (): Promise<number> => change('DELETE FROM dure_key_members WHERE member = ?', [member]),
    /**
     * Removes those whose lease is over. That is one row in one statement with `renew`: either it is removed, and finds so, or it
     * goes on.
     */
    bury: (): Promise<number> => change(`DELETE FROM dure_key_members WHERE lease_at < ${NOW}`, now()),
    members: async (): Promise<readonly ShareMember[]> =>
      (await store.select('SELECT member, instance FROM dure_key_members ORDER BY member')).map((row) => ({
        member: String(row['member']),
        instance: row['instance'] === null ? undefined : String(row['instance']),
      })),
    shares: async (): Promise<readonly Share[]> =>
      (await store.select('SELECT share, epoch, owner FROM dure_key_shares ORDER BY share')).map((row) => ({
        ...{ share: Number(row['share']), epoch: Number(row['epoch']) },
        owner: row['owner'] === null ? undefined : String(row['owner']),
      })),
    /** Takes those of these that are still as they were seen, and whose owner is no member; answers which, in their new epoch. */
    claim: async (wanted: readonly Share[]): Promise<readonly Share[]> => {
      if (wanted.length === 0) return []
      const seen = wanted.map(() => '(share = ? AND epoch = ?)').join(' OR ')
      const sql = `UPDATE dure_key_shares SET epoch = epoch + 1, owner = ? WHERE (${seen}) AND (owner IS NULL OR owner = ?
          OR NOT EXISTS (SELECT 1 FROM dure_key_members WHERE dure_key_members.member = dure_key_shares.owner))
        RETURNING share, epoch`
      const values = [member, ...wanted.flatMap(({ share, epoch }) => [share, epoch]), member]
      const rows = await store.transaction((tx) => tx.all(sql, values), { isolated: false })
      return rows.map((row) => ({ share: Number(row['share']), epoch: Number(row['epoch']), owner: member }))
    },
    /** Gives one back in which nothing is open. */
    release: ({ share, epoch }: Pick<Share, 'share' | 'epoch'>): Promise<number> =>
      change('UPDATE dure_key_shares SET owner = NULL WHERE share = ? AND epoch = ?', [share, epoch]),
    /** Whether a share is in this epoch, as a transaction sees it. */
    holds: async (tx: SqlTransaction, { share, epoch }: Pick<Share, 'share' | 'epoch'>): Promise<boolean> => {
      const rows = await tx.all('SELECT 1 AS one FROM dure_key_shares WHERE share = ? AND epoch = ?', [share, epoch])
      return rows.length === 1
    },
  }
}
