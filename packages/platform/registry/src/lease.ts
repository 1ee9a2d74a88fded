/** One instance in the registry: what it says of itself, what others say of it, and when it was heard of. */
import { instanceJson, type EurekaInstance, type RegistryRecord, type Status } from './instance.ts'

/** What is written down of an instance. */
export type Row = { readonly instance: EurekaInstance; readonly override: Status | undefined; readonly client: string }

export type Lease = Row & {
  /** What the checks of its health say. */
  readonly health: 'DOWN' | undefined
  /** When it was heard of last, monotonic. */
  at: number
  /** Whether it was heard of since this start: one that was not goes with its lease, whoever else does. */
  heard: boolean
  record: RegistryRecord
  /** Its JSON, until something changes. */
  json: string | undefined
}

/** What an instance is taken to be: what it says itself, unless somebody has said otherwise of one that is up. */
export function recordFor(
  row: Pick<Lease, 'instance' | 'override' | 'health'>,
  now: number,
  before?: RegistryRecord,
): RegistryRecord {
  const own = row.instance.status
  const status = own === 'DOWN' || own === 'STARTING' ? own : (row.override ?? row.health ?? own)
  return {
    status,
    overridden: row.override ?? 'UNKNOWN',
    action: 'ADDED',
    registered: before?.registered ?? now,
    renewed: now,
    up: status === 'UP' ? before?.up || now : (before?.up ?? 0),
    updated: now,
  }
}

export function jsonOf(lease: Lease): string {
  return (lease.json ??= JSON.stringify(instanceJson(lease.instance, lease.record)))
}

/** Milliseconds that a message may be under way: what is older than what is known, and comes within it, was overtaken. */
export const OVERTAKEN = 10_000
