import { createHash } from 'node:crypto'
import { compareKeys, type RootDatabase, type Transaction } from 'lmdb'

/** A place in the store: keys are sorted part by part, numbers before texts. */
export type Key = readonly (string | number)[]

export type Entry = { readonly key: Key; readonly value: unknown }

/** What handlers read by: values by their keys, and all that begin with the same parts, in order. */
export type Reader = {
  readonly get: (key: Key) => unknown
  /** @param after the last key of the page before */
  readonly range: (prefix: Key, options?: { readonly after?: Key | undefined; readonly reverse?: boolean }) => Iterable<Entry>
}

/** The store's own client in a transaction: sees what it has written, and nobody else does before the commit. */
export type Client = Reader & {
  readonly put: (key: Key, value: unknown) => void
  readonly remove: (key: Key) => void
}

/** What a transaction has written, by the text of its key; an undefined value is a removal. */
type Writes = Map<string, Entry>

/** @param transaction a state of the store that stays as it is; without it, what is committed when it is read */
export function readerOf(db: RootDatabase, guard: () => void, transaction?: Transaction): Reader {
  const of = transaction === undefined ? {} : { transaction }
  return {
    get: (key) => {
      guard()
      return db.get([...key], of)
    },
    range: (prefix, { after, reverse = false } = {}) => {
      guard()
      const [first, last] = [[...(after ?? prefix)], [...prefix, '\uffff']]
      const found = db.getRange(reverse ? { start: last, end: first, reverse, ...of } : { start: first, end: last, ...of })
      return pageOf(found as Iterable<Entry>, after)
    },
  }
}

/** LMDB has one writer at a time, which must not wait for anything: so what is written is gathered, and goes in at the commit. */
export function clientOf(db: RootDatabase, guard: () => void): Client & { readonly commit: () => void } {
  const reader = readerOf(db, guard)
  const writes: Writes = new Map()
  const write = (key: Key, value: unknown): void => {
    guard()
    writes.set(JSON.stringify(key), { key, value: structuredClone(value) })
  }
  return {
    get: (key) => {
      const own = writes.get(JSON.stringify(key))
      return own === undefined ? reader.get(key) : structuredClone(own.value)
    },
    range: (prefix, options) => merged(reader.range(prefix, options), writes, prefix, options),
    put: write,
    remove: (key) => write(key, undefined),
    commit: () =>
      db.transactionSync(() => {
        for (const { key, value } of writes.values()) {
          if (value === undefined) db.removeSync([...key])
          else db.putSync([...key], value)
        }
      }),
  }
}

function* pageOf(found: Iterable<Entry>, after: Key | undefined): Iterable<Entry> {
  for (const { key, value } of found) if (after === undefined || compare(key, after) !== 0) yield { key, value }
}

/** What is committed, with what was written over it, in order. */
function merged(
  committed: Iterable<Entry>,
  writes: Writes,
  prefix: Key,
  options: Parameters<Reader['range']>[1] = {},
): Iterable<Entry> {
  const { after, reverse = false } = options
  const own = [...writes.values()].filter(
    ({ key }) => prefix.every((part, at) => key[at] === part) && (after === undefined || compare(key, after) > 0),
  )
  if (own.length === 0) return committed
  const all = new Map([...committed, ...own].map((entry) => [JSON.stringify(entry.key), entry]))
  const entries = [...all.values()].filter(({ value }) => value !== undefined)
  return entries.sort((a, b) => (reverse ? -1 : 1) * compare(a.key, b.key))
}

function compare(a: Key, b: Key): number {
  return compareKeys([...a], [...b])
}

/** Of texts of others, which may be longer than a key may be. */
export function hash(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
