import { isOwn } from './witnesses.ts'

/**
 * The rows that a changeset of SQLite's session extension changes: a text for each, of its table and primary key.
 * Format: https://www.sqlite.org/src/file/ext/session/sqlite3session.c, "CHANGESET FORMAT"
 */
export function rowsOf(changes: Uint8Array): ReadonlySet<string> {
  const found = new Set<string>()
  let at = 0
  let table = ''
  let key: readonly number[] = []

  /** Big-endian, seven bits a byte. */
  const varint = (): number => {
    for (let value = 0; ;) {
      const byte = changes[at++]!
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value
    }
  }
  /** One record; answers its values of the primary key. */
  const record = (): string => {
    let text = ''
    for (const part of key) {
      const from = at
      const type = changes[at++]!
      if (type === INTEGER || type === REAL) at += 8
      else if (type === TEXT || type === BLOB) {
        const length = varint()
        at += length
      }
      if (part > 0) text += `\0${Buffer.from(changes.subarray(from, at)).toString('latin1')}`
    }
    return text
  }

  while (at < changes.length) {
    const kind = changes[at++]!
    if (kind === TABLE) {
      const columns = varint()
      key = [...changes.subarray(at, (at += columns))]
      const end = changes.indexOf(0, at)
      table = Buffer.from(changes.subarray(at, end)).toString()
      at = end + 1
      continue
    }
    // Whether it was done by the statement itself or by what the statement set off.
    at++
    const row = table + record()
    if (isOwn(table)) found.add(row)
    if (kind === UPDATE) record()
  }
  return found
}

const TABLE = 0x54
const UPDATE = 23
const [INTEGER, REAL, TEXT, BLOB] = [1, 2, 3, 4]
