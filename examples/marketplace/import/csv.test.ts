import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { readCsv, type Row } from './csv.ts'
import { ImportError } from './errors.ts'
import { collectRejects, describeRejects } from './rejects.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-csv-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

async function read(content: string | Uint8Array): Promise<{ rows: Row<'a' | 'b'>[]; bad: string[] }> {
  const file = join(folder, `${files++}.csv`)
  writeFileSync(file, content)
  const rejects = collectRejects({ keep: 100 })
  const rows: Row<'a' | 'b'>[] = []
  for await (const row of readCsv({ file, columns: ['a', 'b'], rejects })) rows.push(row)
  return { rows, bad: rejects.summary().reasons.flatMap(({ reason, first }) => first.map(({ line }) => `${line} ${reason}`)) }
}

const cells = (rows: Row<'a' | 'b'>[]): string[] => rows.map(({ line, cells: { a, b } }) => `${line}:${a}|${b}`)

test('byte order mark, CRLF, empty lines, quotes, columns in another order, no last line end', async () => {
  const { rows, bad } = await read('\uFEFF"b",x,a\r\n1,,"two, ""three"""\r\n\r\n4,5,6')
  assert.deepEqual(cells(rows), ['2:two, "three"|1', '4:6|4'])
  assert.deepEqual(bad, [])
})

test('a broken quote costs its own row, not those after it', async () => {
  const { rows, bad } = await read('a,b\n1,2\n"3,4\n5,6\n7,"8"9\n"x",y\n')
  assert.deepEqual(cells(rows), ['2:1|2', '4:5|6', '6:x|y'])
  assert.deepEqual(bad, ['3 BROKEN_QUOTE', '5 BROKEN_QUOTE'])
})

test('a quoted cell may hold line ends', async () => {
  const { rows, bad } = await read('a,b\n"one\n\ntwo",2\n3,4\n')
  assert.deepEqual(cells(rows), ['2:one\n\ntwo|2', '5:3|4'])
  assert.deepEqual(bad, [])
})

test('a quote left open at the end of the file is one bad row', async () => {
  const { rows, bad } = await read('a,b\n1,2\n"3,4')
  assert.deepEqual(cells(rows), ['2:1|2'])
  assert.deepEqual(bad, ['3 BROKEN_QUOTE'])
})

test('too few and too many cells, text that is not UTF-8, and a line without end are bad rows', async () => {
  const bytes = Buffer.concat([
    Buffer.from('a,b\n1\n1,2,3\n'),
    Buffer.from([0x63, 0xff, 0x2c, 0x64, 0x0a]),
    Buffer.from(`${'z'.repeat(200_000)},1\n5,6\n`),
  ])
  const { rows, bad } = await read(bytes)
  assert.deepEqual(cells(rows), ['6:5|6'])
  assert.deepEqual(bad, ['2 WRONG_COLUMN_COUNT', '3 WRONG_COLUMN_COUNT', '4 NOT_UTF8', '5 LINE_TOO_LONG'])
})

test('a cell that is longer than any name is a bad row', async () => {
  const { rows, bad } = await read(`a,b\n${'z'.repeat(201)},1\n${'z'.repeat(200)},1\n`)
  assert.equal(rows.length, 1)
  assert.deepEqual(bad, ['2 TOO_LONG'])
})

test('what was written by the rules is read back, whatever the cells hold', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', ' ', 'é', '두') })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 20 }), async (table) => {
      const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`
      const { rows, bad } = await read(['a,b', ...table.map(([a, b]) => `${quote(a)},${quote(b)}`)].join('\n'))
      assert.deepEqual(bad, [])
      assert.deepEqual(
        rows.map(({ cells: { a, b } }) => [a, b]),
        table.map(([a, b]) => [a.trim(), b.trim()]),
      )
    }),
    { numRuns: 50 },
  )
})

test('a missing file, a directory, an empty file and a foreign header are clear errors', async () => {
  const open = async (file: string): Promise<void> => {
    for await (const _ of readCsv({ file, columns: ['a', 'b'], rejects: collectRejects() })) assert.fail('There are no rows')
  }
  await assert.rejects(open(join(folder, 'nowhere.csv')), /ImportError: Cannot import ".*nowhere.csv": there is no such file/)
  await assert.rejects(open(folder), /it is a directory/)
  await assert.rejects(read(''), /it is empty/)
  await assert.rejects(read('x,y\n1,2\n'), (error) => {
    assert.ok(error instanceof ImportError)
    assert.match(error.message, /lacks "a", "b"; it reads "x,y"/)
    return true
  })
})

test('every reject goes to the file, the first few to the report', () => {
  const path = join(folder, 'rejects.ndjson')
  const rejects = collectRejects({ keep: 2, path })
  for (let line = 2; line < 7; line++) rejects.reject({ file: 'x.csv', line, reason: 'EMPTY_CELL', detail: 'weight' })
  rejects.notice({ file: 'x.csv', line: 9, reason: 'NO_CATEGORY', detail: '' })
  rejects.flush()
  const written = readFileSync(path, 'utf8').trim().split('\n')
  assert.equal(written.length, 6)
  assert.deepEqual(JSON.parse(written[0]!), { kind: 'reject', file: 'x.csv', line: 2, reason: 'EMPTY_CELL', detail: 'weight' })
  assert.deepEqual([rejects.summary().rejected, rejects.summary().noticed], [5, 1])
  const text = describeRejects(rejects.summary()).join('\n')
  assert.match(text, /skipped 5 EMPTY_CELL/)
  assert.match(text, /x\.csv:3/)
  assert.match(text, /and 3 more/)
})
