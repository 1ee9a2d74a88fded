import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { isInstance, partOf } from 'dure/contract/internal'
import type { SqlRow } from 'dure/data'
import type { SystemStatus } from 'dure/service'
import type { CheckWorld } from './options.ts'

/** Reads the services' databases beside them. */
export function createReaders(directory: string): { readonly rows: CheckWorld['rows']; readonly close: () => void } {
  const readers = new Map<string, DatabaseSync>()
  return {
    rows: (service, sql, parameters = []) => {
      let reader = readers.get(service)
      if (reader === undefined) {
        const file = join(directory, `${service}.db`)
        if (!existsSync(file)) throw new Error(`Cannot read rows of service "${service}": it has no database; look at the name`)
        reader = new DatabaseSync(file, { readOnly: true })
        readers.set(service, reader)
      }
      return reader.prepare(sql).all(...parameters) as unknown as SqlRow[]
    },
    close: () => {
      for (const reader of readers.values()) reader.close()
    },
  }
}

/** What runs on in a dead process comes upon files that were closed; nobody is there to look at that. */
export function comesFromClosed(error: unknown): boolean {
  for (let one = error; isInstance(one, Error); one = partOf(one, 'cause')) {
    if (partOf(one, 'code') === 'ERR_INVALID_STATE') return true
  }
  return false
}

/** Who is not at rest, in words. */
export function busyWith(status: SystemStatus | undefined): string {
  if (status === undefined) return ''
  const busy = status.services
    .filter((one) => one.outbox > 0 || one.waiting > 0 || one.inHand > 0 || one.callsInFlight > 0)
    .map(
      (one) => `${one.service} (outbox ${one.outbox}, in hand ${one.inHand}, waiting ${one.waiting}, calls ${one.callsInFlight})`,
    )
  const behind = status.lag.map(({ group, topic, lag }) => `${group} is ${lag} behind on ${topic}`)
  return busy.length + behind.length === 0 ? '' : `: ${[...busy, ...behind].join('; ')}`
}
