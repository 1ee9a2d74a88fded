/** Full text over what is published: names, descriptions and fields, by parts of words, so that Korean is found as it is written. */
import { DatabaseSync } from 'node:sqlite'

export type Entry = {
  readonly kind: 'product' | 'operation' | 'event'
  readonly name: string
  readonly summary: string
  /** All else by which it is found. */
  readonly text: string
}

export type Hit = { readonly product: string } & Pick<Entry, 'kind' | 'name' | 'summary'>

export type Search = {
  /** In place of what was there of this product. False: there was no room for some of it. */
  readonly put: (product: string, entries: readonly Entry[]) => boolean
  readonly drop: (product: string) => void
  /** The best first, at most `most`. Every word must be there. */
  readonly find: (query: string, most: number) => readonly Hit[]
  readonly close: () => void
}

/** Characters of a query, and words in it. */
export const LONGEST_QUERY = 200
const MOST_WORDS = 10
/** Characters of one entry, and of all. */
const LONGEST_ENTRY = 50_000
const MOST_TEXT = 32_000_000
/** The index is of parts of so many characters; words of fewer, as Korean has many, are looked for in the text itself. */
const PART = 3

/** Jamo as syllables, small letters: as one person types it and another does not. */
const folded = (text: string): string => text.normalize('NFC').toLowerCase()

/**
 * In memory: it is made of what is published whenever that changes.
 * @param room characters that it has room for
 */
export function openSearch(room: number = MOST_TEXT): Search {
  const db = new DatabaseSync(':memory:')
  db.exec(`
    CREATE TABLE entries (
      id INTEGER PRIMARY KEY, product TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, summary TEXT NOT NULL, folded TEXT NOT NULL
    );
    CREATE INDEX entries_product ON entries (product);
    CREATE VIRTUAL TABLE words USING fts5(name, summary, text, content='', contentless_delete=1, tokenize='trigram');`)
  const insert = db.prepare('INSERT INTO entries (product, kind, name, summary, folded) VALUES (?, ?, ?, ?, ?)')
  const index = db.prepare('INSERT INTO words (rowid, name, summary, text) VALUES (?, ?, ?, ?)')
  const unindex = db.prepare('DELETE FROM words WHERE rowid IN (SELECT id FROM entries WHERE product = ?)')
  const remove = db.prepare('DELETE FROM entries WHERE product = ?')
  // Rows of the index itself have ids beyond what a number holds.
  for (const each of [index, unindex, remove]) each.setReadBigInts(true)
  const sizes = new Map<string, number>()
  let size = 0

  function drop(product: string): void {
    unindex.run(product)
    remove.run(product)
    size -= sizes.get(product) ?? 0
    sizes.delete(product)
  }

  function add(product: string, { kind, name, summary, text }: Entry): boolean {
    const [foldedName, foldedSummary] = [folded(name), folded(summary)]
    const rest = folded(text).slice(0, LONGEST_ENTRY)
    const all = `${foldedName}\n${foldedSummary}\n${rest}`
    if (size + all.length > room) return false
    const { lastInsertRowid } = insert.run(product, kind, name, summary, all)
    index.run(lastInsertRowid, foldedName, foldedSummary, rest)
    size += all.length
    sizes.set(product, (sizes.get(product) ?? 0) + all.length)
    return true
  }

  function within<T>(work: () => T): T {
    db.exec('BEGIN')
    try {
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }

  return {
    drop: (product) => within(() => drop(product)),
    put: (product, entries) =>
      within(() => {
        drop(product)
        return entries.map((entry) => add(product, entry)).every(Boolean)
      }),
    find: (query, most) => {
      const words = folded(query).split(/\s+/).filter(Boolean).slice(0, MOST_WORDS)
      if (words.length === 0) return []
      const [long, short] = [words.filter((word) => [...word].length >= PART), words.filter((word) => [...word].length < PART)]
      const conditions = short.map(() => 'instr(e.folded, ?) > 0')
      // What is named so comes before what only speaks of it.
      const named = words.map(() => '(instr(lower(e.name), ?) > 0)').join(' + ')
      const rank = long.length === 0 ? 'length(e.folded)' : 'bm25(words, 10, 4, 1)'
      const rows = db
        .prepare(
          `SELECT e.product, e.kind, e.name, e.summary FROM entries e
          ${long.length === 0 ? '' : 'JOIN words ON words.rowid = e.id'}
          WHERE ${[...(long.length === 0 ? [] : ['words MATCH ?']), ...conditions].join(' AND ')}
          ORDER BY ${named} DESC, ${rank}, e.product, e.name LIMIT ?`,
        )
        .all(
          ...(long.length === 0 ? [] : [long.map((word) => `"${word.replaceAll('"', '""')}"`).join(' AND ')]),
          ...[...short, ...words, most],
        )
      return rows as unknown as readonly Hit[]
    },
    close: () => db.close(),
  }
}
