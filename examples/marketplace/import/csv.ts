import { parse } from 'csv-parse/sync'
import { ImportError } from './errors.ts'
import { readLines, type Line } from './lines.ts'
import type { Rejects } from './rejects.ts'

/** A good row: where it begins, and its cells by column. */
export type Row<Column extends string> = { readonly line: number; readonly cells: Readonly<Record<Column, string>> }

/** As long as a name may be in the marketplace's contracts. */
const LONGEST_CELL = 200
/** A quoted cell may hold line ends, but no cell of these files is longer than a few lines. */
const MOST_LINES_A_ROW = 8

/**
 * The rows of a CSV file (RFC 4180; byte order mark, CRLF and empty lines allowed) in bounded memory. A bad row is
 * handed to `rejects` and costs nothing but itself: a quote that is never closed would, to a parser of
 * the whole file, swallow good rows up to the next quote, so rows are framed here and parsed one by one.
 * @throws {ImportError} when the file cannot be read, is empty, or lacks one of `columns`
 */
export async function* readCsv<Column extends string>(options: {
  file: string
  columns: readonly Column[]
  rejects: Rejects
}): AsyncGenerator<Row<Column>> {
  const lines = readLines(options.file)
  try {
    yield* rowsOf(pushback(lines), options)
  } finally {
    // A header of another file, or a reader who has seen enough: the file is closed all the same.
    await lines.return(undefined)
  }
}

async function* rowsOf<Column extends string>(
  source: Source,
  options: { file: string; columns: readonly Column[]; rejects: Rejects },
): AsyncGenerator<Row<Column>> {
  const { file, columns, rejects } = options
  const header = await readHeader(source, file, columns)
  const places = columns.map((column) => [column, header.indexOf(column)] as const)
  for (let line = await source.next(); line; line = await source.next()) {
    if (line.text === '' && !line.fault) continue
    if (line.fault) {
      rejects.reject({ file, line: line.number, reason: line.fault, detail: excerpt(line.text) })
      continue
    }
    const cells = await readRow(source, line, header.length)
    if (!cells) {
      rejects.reject({ file, line: line.number, reason: 'BROKEN_QUOTE', detail: excerpt(line.text) })
    } else if (cells.length !== header.length) {
      const detail = `${cells.length} cells instead of ${header.length}: ${excerpt(line.text)}`
      rejects.reject({ file, line: line.number, reason: 'WRONG_COLUMN_COUNT', detail })
    } else if (cells.some((cell) => cell.length > LONGEST_CELL)) {
      rejects.reject({ file, line: line.number, reason: 'TOO_LONG', detail: excerpt(line.text) })
    } else {
      const row = {} as Record<Column, string>
      for (const [column, place] of places) row[column] = cells[place]!.trim()
      yield { line: line.number, cells: row }
    }
  }
}

async function readHeader(source: Source, file: string, columns: readonly string[]): Promise<readonly string[]> {
  const line = await source.next()
  if (!line) throw new ImportError(`Cannot import "${file}": it is empty; the first line must name the columns`)
  const header = line.fault ? undefined : parseRow(line.text)?.map((cell) => cell.trim())
  const missing = columns.filter((column) => !header?.includes(column))
  if (!header || missing.length > 0) {
    throw new ImportError(
      `Cannot import "${file}": its header lacks ${missing.map((column) => `"${column}"`).join(', ')}; ` +
        `it reads ${JSON.stringify(excerpt(line.text))}. Check that this is the right file`,
    )
  }
  return header
}

/** The cells of the row that begins with `line`; undefined when its quotes do not match up. */
async function readRow(source: Source, line: Line, width: number): Promise<readonly string[] | undefined> {
  const cells = parseRow(line.text)
  if (cells || (line.text.split('"').length - 1) % 2 === 0) return cells
  // An odd number of quotes: a cell with a line end in it, or a broken quote. Only if a whole row comes out was it the former.
  const more: Line[] = []
  let text = line.text
  while (more.length < MOST_LINES_A_ROW) {
    const next = await source.next()
    if (!next) break
    more.push(next)
    if (next.fault) break
    text += `\n${next.text}`
    if (!next.text.includes('"')) continue
    const joined = parseRow(text)
    if (joined?.length === width) return joined
  }
  source.back(more)
  return undefined
}

function parseRow(text: string): readonly string[] | undefined {
  // Most rows have no quote; taking them apart by hand is twenty times as fast as the parser's start-up.
  if (!text.includes('"')) return text.split(',')
  try {
    return (parse(text, { relax_column_count: true }) as string[][])[0]
  } catch {
    return undefined
  }
}

type Source = { readonly next: () => Promise<Line | undefined>; readonly back: (lines: readonly Line[]) => void }

function pushback(lines: AsyncGenerator<Line>): Source {
  const returned: Line[] = []
  return {
    next: async () => returned.pop() ?? ((await lines.next()).value as Line | undefined),
    back: (again) => void returned.push(...again.toReversed()),
  }
}

function excerpt(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}
