import type { Store } from '../data/data.ts'

/** Notes that a consumer is at work; true when the one before it ended as it should (or there was none). */
export async function markRunning(store: Store, consumer: string): Promise<boolean> {
  return store.transaction(async (tx) => {
    const [row] = await tx.all('SELECT clean FROM dure_consumers WHERE consumer = ?', [consumer])
    await tx.run('INSERT INTO dure_consumers (consumer, clean) VALUES (?, 0) ON CONFLICT (consumer) DO UPDATE SET clean = 0', [
      consumer,
    ])
    return row === undefined || Number(row['clean']) === 1
  })
}

/** Notes that it ended with nothing in hand. */
export async function markClean(store: Store, consumer: string): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.run('UPDATE dure_consumers SET clean = 1 WHERE consumer = ?', [consumer])
  })
}
