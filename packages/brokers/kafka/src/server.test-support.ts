import type { KafkaOptions } from './kafka.ts'

/** A broker that lets members have short sessions. */
export const QUICK_GROUPS = { 'group.min.session.timeout.ms': 500 } as const

/** Members that hear of others soon, and are soon missed. */
export const QUICK_MEMBERS = { session: 2_000, heartbeat: 50, wait: 50, partitions: 4 } as const satisfies KafkaOptions
