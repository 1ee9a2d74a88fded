import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { INVOICE_COLUMNS, readInvoices, surveyInvoices } from './invoice-file.ts'
import { collectRejects } from './rejects.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-invoices-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

function invoiceFile(...rows: string[]): string {
  const file = join(folder, `${files++}.csv`)
  writeFileSync(file, `${INVOICE_COLUMNS.join(',')}\n${rows.join('\n')}\n`)
  return file
}

async function read(file: string): Promise<{ invoices: string[]; dirt: string[] }> {
  const rejects = collectRejects({ keep: 50 })
  const invoices: string[] = []
  for await (const { number, customer, lines } of readInvoices({ file, rejects })) {
    invoices.push(
      `${number} of ${customer}: ${lines.map(({ code, quantity, price }) => `${quantity} ${code} at ${price}`).join(', ')}`,
    )
  }
  const dirt = rejects.summary().reasons.flatMap(({ reason, first }) => first.map(({ line }) => `${line} ${reason}`))
  return { invoices, dirt }
}

test('lines become invoices', async () => {
  const file = invoiceFile(
    '1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
    '1,POST,"POSTAGE, AIR",1,2010-12-01 08:26:00,18,17850,United Kingdom',
    '2,85123A,HEART,2,2010-12-01 08:27:00,2.95,13047.0,France',
  )
  assert.deepEqual(await read(file), {
    invoices: ['1 of 17850: 6 85123A at 2.55, 1 POST at 18', '2 of 13047: 2 85123A at 2.95'],
    dirt: [],
  })
})

test('every kind of dirt is skipped by itself, with its line', async () => {
  const file = invoiceFile(
    'C1,85123A,HEART,-6,d,2.55,17850.0,UK',
    'A2,B,Adjust bad debt,1,d,11062.06,0.0,UK',
    '3,85123A,HEART,-6,d,2.55,17850.0,UK',
    '3,85123A,HEART,0,d,2.55,17850.0,UK',
    '3,85123A,HEART,6,d,0.0,17850.0,UK',
    '3,85123A,HEART,6,d,2.55,0.0,UK',
    '3,85123A,HEART,6,d,2.55,,UK',
    '3,85123A,HEART,six,d,2.55,17850.0,UK',
    '3,85123A,HEART,1.5,d,2.55,17850.0,UK',
    '3,85123A,HEART,,d,2.55,17850.0,UK',
    '3,,HEART,6,d,2.55,17850.0,UK',
    ',85123A,HEART,6,d,2.55,17850.0,UK',
    '3,85123A,"HEART,6,d,2.55,17850.0,UK',
    '3,85123A,HEART,6',
    '3,85123A,HEART,99999999,d,2.55,17850.0,UK',
    '3,22,GOOD,1,d,2.55,17850.0,UK',
    '4,22,GOOD,1,d,2.55,17850.0,UK',
    '3,22,LATE,1,d,2.55,17850.0,UK',
    '5,22,GOOD,1,d,2.55,1.0,UK',
    '5,23,GOOD,1,d,2.55,2.0,UK',
  )
  const { invoices, dirt } = await read(file)
  assert.deepEqual(invoices, ['3 of 17850: 1 22 at 2.55', '4 of 17850: 1 22 at 2.55', '5 of 1: 1 22 at 2.55, 1 23 at 2.55'])
  assert.deepEqual(dirt.toSorted(), [
    '10 NOT_A_NUMBER',
    '11 EMPTY_CELL',
    '12 EMPTY_CELL',
    '13 EMPTY_CELL',
    '14 BROKEN_QUOTE',
    '15 WRONG_COLUMN_COUNT',
    '16 OUT_OF_RANGE',
    '19 SCATTERED_INVOICE',
    '2 CANCELLATION',
    '21 CUSTOMER_CHANGED',
    '3 ADJUSTMENT',
    '4 QUANTITY_NOT_POSITIVE',
    '5 QUANTITY_NOT_POSITIVE',
    '6 PRICE_NOT_POSITIVE',
    '7 NO_CUSTOMER',
    '8 NO_CUSTOMER',
    '9 NOT_A_NUMBER',
  ])
})

test('the survey knows list price and needed stock of good lines only', async () => {
  const file = invoiceFile('1,A,x,6,d,2.55,1.0,UK', '2,A,x,4,d,2.95,2.0,UK', '3,A,x,9,d,9.99,0.0,UK', 'C4,A,x,-2,d,9.99,1.0,UK')
  const { invoices, codes, customers } = await surveyInvoices(file)
  assert.deepEqual(
    [invoices, [...customers]],
    [
      2,
      [
        [1, 'UK'],
        [2, 'UK'],
      ],
    ],
  )
  assert.deepEqual([...codes.values()], [{ code: 'A', description: 'x', listPrice: 2.95, quantity: 10 }])
})

test('a file of another kind is a clear error', async () => {
  const file = join(folder, 'other.csv')
  writeFileSync(file, 'a,b\n1,2\n')
  await assert.rejects(read(file), /its header lacks "InvoiceNo", "StockCode"/)
})
