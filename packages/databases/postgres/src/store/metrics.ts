import { FAMILIES, type Reading } from 'dure/telemetry'
import type { Pool } from './pool.ts'
import type { TransactionCounts } from './transactions.ts'

/** What a store tells of itself: its connections, and how its transactions get on with each other. */
export function storeMetrics(pools: Readonly<Record<string, Pool>>, counts: TransactionCounts): readonly Reading[] {
  const { crossed, atOnce, lost } = counts
  return [
    ...Object.entries(pools).flatMap(([name, pool]): Reading[] => {
      const { open, idle, waiting } = pool.status()
      const of = { 'db.client.connection.pool.name': name }
      return [
        { family: FAMILIES.connections, attributes: { ...of, 'db.client.connection.state': 'idle' }, value: idle },
        { family: FAMILIES.connections, attributes: { ...of, 'db.client.connection.state': 'used' }, value: open - idle },
        { family: FAMILIES.connectionsWaiting, attributes: of, value: waiting },
      ]
    }),
    { family: FAMILIES.crossed, attributes: {}, value: crossed },
    { family: FAMILIES.atOnce, attributes: {}, value: atOnce },
    ...Object.entries(lost).map(([outcome, value]): Reading => ({
      family: FAMILIES.lostCommits,
      attributes: { outcome },
      value,
    })),
  ]
}
