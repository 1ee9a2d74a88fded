/**
 * Who is registered, for how long yet, and what has changed: in memory, in the order in which the registry heard of it. Clocks of
 * clients are compared with nothing but themselves, and this machine's own is only shown.
 */
import type { Clock } from 'dure/runtime'
import { createChanges, type Change } from './changes.ts'
import { createExpiry, type Preservation } from './expiry.ts'
import { RegistryFault } from './fault.ts'
import { hashOf, type EurekaInstance, type Status } from './instance.ts'
import { OVERTAKEN, recordFor, type Lease, type Row } from './lease.ts'
import { createTombstones, type Gone } from './tombstones.ts'

export type LeaseLimits = {
  /** Instances in all. Default 20,000. */
  readonly instances: number
  /** Instances that one address may register. Default 1,000. */
  readonly instancesPerClient: number
}

export type Book = {
  /** `late`: it was overtaken by something newer, and changes nothing. */
  readonly register: (instance: EurekaInstance, client: string) => 'registered' | 'late'
  /** Whether it is known as it says it is; who is not has to register. */
  readonly renew: (app: string, id: string, dirty: number | undefined) => boolean
  readonly remove: (app: string, id: string) => boolean
  /** Undefined takes the override away. */
  readonly override: (app: string, id: string, status: Status | undefined) => boolean
  readonly describe: (app: string, id: string, metadata: Readonly<Record<string, string>>) => boolean
  readonly judge: (app: string, id: string, health: 'DOWN' | undefined) => void
  /** Takes out those whose lease has ended. */
  readonly sweep: () => void
  readonly find: (app: string, id: string) => Lease | undefined
  readonly all: () => Iterable<Lease>
  readonly ofApp: (app: string) => readonly Lease[]
  readonly size: () => number
  readonly revision: () => number
  readonly changes: (after?: number) => readonly Change[] | undefined
  /** As Eureka's clients compute it: `DOWN_1_UP_2_`. */
  readonly hash: () => string
  /** Since when the view is kept though leases have ended, in milliseconds since the epoch. */
  readonly staleSince: () => number | undefined
  /** What is to be written down of one. */
  readonly row: (app: string, id: string) => { readonly row: Row | undefined; readonly gone: Gone | undefined }
}

export function createBook(options: {
  readonly clock: Clock
  readonly limits: LeaseLimits
  readonly preservation: Preservation
  readonly rows: readonly Row[]
  readonly gone: readonly Gone[]
  /** Of this instance something is to be written down. */
  readonly onChange: (app: string, id: string) => void
}): Book {
  const { clock, limits, onChange } = options
  const apps = new Map<string, Map<string, Lease>>()
  const perClient = new Map<string, number>()
  const changes = createChanges(clock)
  const tombstones = createTombstones({ clock, gone: options.gone, onForget: onChange })
  const expiry = createExpiry(clock, options.preservation)
  let size = 0

  const find = (app: string, id: string): Lease | undefined => apps.get(app)?.get(id)

  const count = (client: string, by: 1 | -1): void => {
    const now = (perClient.get(client) ?? 0) + by
    if (now === 0) perClient.delete(client)
    else perClient.set(client, now)
    size += by
  }

  const note = (lease: Lease, deleted: boolean): void => {
    changes.note(lease, deleted)
    onChange(lease.instance.app, lease.instance.id)
  }

  const put = (lease: Lease): void => {
    const { app, id } = lease.instance
    let ofApp = apps.get(app)
    if (ofApp === undefined) apps.set(app, (ofApp = new Map()))
    const before = ofApp.get(id)
    if (before !== undefined) count(before.client, -1)
    ofApp.set(id, lease)
    count(lease.client, 1)
  }

  const drop = (lease: Lease): void => {
    const { app, id } = lease.instance
    const ofApp = apps.get(app)!
    ofApp.delete(id)
    if (ofApp.size === 0) apps.delete(app)
    count(lease.client, -1)
    note({ ...lease, record: { ...lease.record, action: 'DELETED', updated: clock.now() }, json: undefined }, true)
  }

  /** What is changed of one that stays. */
  const modify = (app: string, id: string, change: (lease: Lease) => Partial<Lease>): boolean => {
    const lease = find(app, id)
    if (lease === undefined) return false
    const next: Lease = { ...lease, ...change(lease), json: undefined }
    next.record = { ...recordFor(next, clock.now(), lease.record), action: 'MODIFIED' }
    put(next)
    note(next, false)
    return true
  }

  for (const row of options.rows) {
    const lease = { ...row, health: undefined, at: clock.monotonic(), heard: false, json: undefined }
    put({ ...lease, record: recordFor(lease, clock.now()) })
  }

  const register = (instance: EurekaInstance, client: string): 'registered' | 'late' => {
    const { app, id } = instance
    const now = clock.monotonic()
    const known = find(app, id)
    if (known === undefined ? tombstones.isLate(instance) : isOvertaken(instance, known, now)) return 'late'
    if (known !== undefined && known.client === client && JSON.stringify(known.instance) === JSON.stringify(instance)) {
      known.at = now
      known.heard = true
      return 'registered'
    }
    if (known?.client !== client)
      checkRoom({ size: known === undefined ? size : 0, own: perClient.get(client) ?? 0, client, limits })
    tombstones.drop(app, id)
    const lease = { instance, client, override: known?.override, health: known?.health, at: now, heard: true, json: undefined }
    const next = { ...lease, record: recordFor(lease, clock.now(), known?.record) }
    put(next)
    note(next, false)
    return 'registered'
  }

  return {
    register,
    renew: (app, id, dirty) => {
      const lease = find(app, id)
      if (lease === undefined) return false
      // It has changed since, or its clock was set back: it says who it is now.
      if (dirty !== undefined && lease.instance.dirty !== undefined && dirty !== lease.instance.dirty) return false
      lease.at = clock.monotonic()
      lease.heard = true
      return true
    },
    remove: (app, id) => {
      const lease = find(app, id)
      if (lease === undefined) return false
      tombstones.add(lease.instance)
      drop(lease)
      return true
    },
    override: (app, id, override) => modify(app, id, () => ({ override })),
    describe: (app, id, metadata) =>
      modify(app, id, ({ instance }) => ({ instance: { ...instance, metadata: { ...instance.metadata, ...metadata } } })),
    judge: (app, id, health) => {
      if (find(app, id)?.health !== health) modify(app, id, () => ({ health }))
    },
    sweep: () => {
      for (const lease of expiry.ended([...apps.values()].flatMap((ofApp) => [...ofApp.values()]))) drop(lease)
    },
    find,
    all: () => apps.values().flatMap((ofApp) => ofApp.values()),
    ofApp: (app) => [...(apps.get(app)?.values() ?? [])],
    size: () => size,
    revision: changes.revision,
    changes: changes.after,
    hash: () => hashOf(apps.values().flatMap((ofApp) => ofApp.values().map(({ record }) => record.status))),
    staleSince: expiry.heldSince,
    row: (app, id) => ({ row: find(app, id), gone: tombstones.find(app, id) }),
  }
}

function isOvertaken({ dirty }: EurekaInstance, known: Lease, now: number): boolean {
  return dirty !== undefined && known.instance.dirty !== undefined && dirty < known.instance.dirty && now - known.at < OVERTAKEN
}

/** @throws {RegistryFault} 503 when it is full, 429 when one client has its share */
function checkRoom(options: {
  readonly size: number
  readonly own: number
  readonly client: string
  readonly limits: LeaseLimits
}): void {
  const { size, own, client, limits } = options
  const cannot = 'Cannot register the instance'
  if (size >= limits.instances)
    throw new RegistryFault(503, `${cannot}: the registry is full with ${size}; take some out, or raise "limits.instances"`)
  if (own >= limits.instancesPerClient)
    throw new RegistryFault(429, `${cannot}: ${client} has registered ${own} already, which is the most`)
}
