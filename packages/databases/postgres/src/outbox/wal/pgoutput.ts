import { COLUMNS, type RawRow } from '../rows.ts'
import type { Lsn } from './lsn.ts'

/** What the log says, in order of commit: each transaction whole, from `begin` to `commit`. */
export type LogReader = {
  /** @param lsn of the commit that is to come */
  readonly begin: (lsn: Lsn) => void
  /** A row of the outbox: `position, …COLUMNS` as texts, and the transaction's id. */
  readonly row: (raw: RawRow, xid: string) => void
  /** What `pg_logical_emit_message` wrote in the transaction. */
  readonly message: (prefix: string, content: string) => void
  /** @param end the first byte after the commit: all before it has been said */
  readonly commit: (end: Lsn) => void
}

/** Columns that are published. Whoever makes the publication by hand lists these. */
export const PUBLISHED: string = `position, xid, ${COLUMNS}`

/**
 * Reads pgoutput's messages (protocol 1). Only what an outbox needs: a publication of inserts into one table, and
 * messages. Anything else is an error, so that nothing is passed over that somebody meant.
 */
export function createDecoder(reader: LogReader): (chunk: Buffer) => void {
  const relations = new Map<number, readonly number[]>()
  let at = 0

  const cstring = (chunk: Buffer): string => {
    const end = chunk.indexOf(0, at)
    const text = chunk.toString('utf8', at, end)
    at = end + 1
    return text
  }

  /** Where in the row each column of the relation goes. */
  const relation = (chunk: Buffer): void => {
    const oid = chunk.readUInt32BE(at)
    at += 4
    cstring(chunk)
    const table = cstring(chunk)
    at += 1
    const columns = chunk.readUInt16BE(at)
    at += 2
    const places: number[] = []
    for (let column = 0; column < columns; column++) {
      at += 1
      places.push(PLACES.get(cstring(chunk)) ?? -1)
      at += 8
    }
    const missing = [...PLACES].filter(([, place]) => !places.includes(place)).map(([name]) => name)
    if (missing.length > 0) throw new Error(`the publication of "${table}" lacks the columns ${missing.join(', ')}`)
    relations.set(oid, places)
  }

  const insert = (chunk: Buffer): void => {
    const places = relations.get(chunk.readUInt32BE(at))
    if (places === undefined) throw new Error('a row came before its table was described')
    const raw: (string | null)[] = [...EMPTY]
    const columns = chunk.readUInt16BE(at + 5)
    at += 7
    for (let column = 0; column < columns; column++) {
      const kind = chunk[at++]
      if (kind === NULL) continue
      if (kind !== TEXT) throw new Error(`a column came as "${String.fromCharCode(kind ?? 0)}"`)
      const length = chunk.readUInt32BE(at)
      at += 4
      const place = places[column]!
      if (place >= 0) raw[place] = chunk.toString('utf8', at, at + length)
      at += length
    }
    const xid = raw.pop()!
    reader.row(raw, xid)
  }

  const message = (chunk: Buffer): void => {
    const transactional = chunk[at]
    at += 9
    const prefix = cstring(chunk)
    const length = chunk.readUInt32BE(at)
    at += 4
    if (transactional === 1) reader.message(prefix, chunk.toString('utf8', at, at + length))
  }

  return (chunk) => {
    at = 1
    const kind = chunk[0]
    if (kind === INSERT) insert(chunk)
    else if (kind === MESSAGE) message(chunk)
    else if (kind === BEGIN) reader.begin(chunk.readBigUInt64BE(1))
    else if (kind === COMMIT) reader.commit(chunk.readBigUInt64BE(10))
    else if (kind === RELATION) relation(chunk)
    else if (kind !== ORIGIN && kind !== TYPE) throw new Error(`the log said "${String.fromCharCode(kind ?? 0)}"`)
  }
}

const [BEGIN, COMMIT, INSERT, MESSAGE, ORIGIN, RELATION, TYPE] = [...'BCIMORY'].map((letter) => letter.charCodeAt(0))
const [NULL, TEXT] = [...'nt'].map((letter) => letter.charCodeAt(0))

/** `position`, the columns, and the transaction's id as the last. */
const PLACES: ReadonlyMap<string, number> = new Map(
  ['position', ...COLUMNS.split(', '), 'xid'].map((name, place) => [name, place]),
)
const EMPTY: readonly null[] = Array.from(PLACES, () => null)
