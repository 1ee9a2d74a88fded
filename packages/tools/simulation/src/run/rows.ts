import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import type { SqlRow } from 'dure/data'
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
