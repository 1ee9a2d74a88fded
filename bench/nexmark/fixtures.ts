/**
 * RisingWave's tables of Nexmark (github.com/risingwavelabs/risingwave, Apache-2.0), read from a folder with its `e2e_test`: twenty
 * persons, forty auctions, fifty bids, and what each query says of them. They are not in this repository.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NexmarkEvent } from './events.ts'
import { rowText, type Row } from './rows.ts'
import type { QueryName } from './sql.ts'

const COLUMNS = {
  person: ['id', 'name', 'emailAddress', 'creditCard', 'city', 'state', 'dateTime', 'extra'],
  auction: ['id', 'itemName', 'description', 'initialBid', 'reserve', 'dateTime', 'expires', 'seller', 'category', 'extra'],
  bid: ['auction', 'bidder', 'price', 'channel', 'url', 'dateTime', 'extra'],
} as const

/** Columns where their rows say less than ours, or something else. */
const LEFT_OUT: Partial<Record<QueryName, readonly number[]>> = {
  // When the window begins.
  q5: [2],
  // Theirs is on a clock of twelve hours.
  q10: [5],
  // Their minute is the month: `HH:mm` is not `HH:MI` there.
  q16: [2],
}
const LEFT_OUT_OF_THEIRS: Partial<Record<QueryName, RegExp>> = { q10: / 12:00$/, q16: / 12:07/ }
/** The column of a query that holds a time, as they write it. */
const TIMES: Partial<Record<QueryName, readonly number[]>> = {
  ...{ q0: [3], q1: [3], q7: [3], q8: [2], q9: [5, 6, 12], q10: [3], q14: [4], q18: [5], q19: [5], q20: [5, 11, 12] },
}

/** The events, in the order of their times. */
export function fixtureEvents(folder: string): readonly NexmarkEvent[] {
  const kinds = ['person', 'auction', 'bid'] as const
  const events = kinds.flatMap((kind) =>
    tuples(readFileSync(join(folder, `e2e_test/nexmark/insert_${kind}.slt.part`), 'utf8')).map((cells) => {
      const entries = COLUMNS[kind].map((name, at) => [
        name,
        name === 'dateTime' || name === 'expires' ? time(cells[at]!) : cells[at]!,
      ])
      return { kind, value: Object.fromEntries(entries) } as NexmarkEvent
    }),
  )
  return events.toSorted((a, b) => a.value.dateTime - b.value.dateTime)
}

/** What they say of a query, a text a row; nothing where they have none. */
export function fixtureRows(folder: string, query: QueryName): readonly string[] | undefined {
  const file = join(folder, `e2e_test/streaming/nexmark/${query === 'q6' ? 'q6_group_top1' : query}.slt.part`)
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, 'utf8').split('\n')
  const begin = lines.indexOf('----') + 1
  const end = lines.indexOf('', begin)
  return lines.slice(begin, end === -1 ? undefined : end).map((line) => {
    const text = words(line).replace(LEFT_OUT_OF_THEIRS[query] ?? /$^/, '')
    return text.replaceAll(/(?<= |^)\d+\.\d+(?= |$)/g, (number) => rowText([Number(number)]))
  })
}

/** A row of ours as they would write it. */
export function asFixture(query: QueryName, row: Row): string {
  const cells = row.map((cell, at) => (TIMES[query]?.includes(at) ? written(Number(cell)) : cell))
  return words(rowText(cells.filter((_, at) => !LEFT_OUT[query]?.includes(at))))
}

const words = (text: string): string => text.trim().replaceAll(/\s+/g, ' ')
const time = (text: string | number): number => Date.parse(`${String(text).replace(' ', 'T')}Z`)
const written = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('T', ' ').replace('Z', '').replace('.000', '')

/** The tuples of an INSERT whose cells are numbers and quoted texts. */
function tuples(text: string): readonly (readonly (string | number)[])[] {
  return [...text.matchAll(/^\((?<cells>\d.*)\)[,;]?$/gm)].map(({ groups }) =>
    [...groups!['cells']!.matchAll(/'(?<quoted>[^']*)'|(?<number>\d+)/g)].map(
      ({ groups: cell }) => cell!['quoted'] ?? Number(cell!['number']),
    ),
  )
}
