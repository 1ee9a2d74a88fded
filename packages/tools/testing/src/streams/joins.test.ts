import assert from 'node:assert/strict'
import { test } from 'node:test'
import { said, type SideRecord } from './kafka-streams.test-support.ts'

/** Twenty-three records of one key: values, deletions, some of them out of order. */
const GIVEN = [
  ...['l -@1', 'r -@2', 'l A@3', 'r a@4', 'l B@5', 'r b@6', 'l -@7', 'r -@8', 'l C@9', 'r c@10', 'r -@11', 'l -@12'],
  ...['r d@14', 'l D@15', 'l E@13', 'r e@11', 'l -@9', 'r f@16', 'l F@4', 'r g@2', 'r -@3', 'l G@40', 'r h@60'],
]

const records = GIVEN.map((text): SideRecord => {
  const [, side, value, time] = /^([lr]) (\S+)@(\d+)$/.exec(text)!
  return { side: side === 'l' ? 'left' : 'right', key: 'k', value: value === '-' ? null : value!, time: Number(time) }
})

/** What came out of each record, as Kafka Streams 4.1 says; of a stream behind the last one what had no match until its time was over. */
const EXPECTED: Readonly<Record<string, string>> = {
  'stream-stream inner':
    '· | · | · | A+a | B+a | A+b B+b | · | · | C+b | C+c | · | · | · | D+d | E+c E+d | C+e E+e | · | D+f E+f | F+a F+b | A+g B+g F+g | · | · | · | ·',
  'stream-stream left':
    '· | · | · | A+a | B+a | A+b B+b | · | · | C+b | C+c | · | · | · | D+d | E+c E+d | C+e E+e | · | D+f E+f | F+a F+b | A+g B+g F+g | · | · | · | G+null',
  'stream-stream outer':
    '· | · | · | A+a | B+a | A+b B+b | · | · | C+b | C+c | · | · | · | D+d | E+c E+d | C+e E+e | · | D+f E+f | F+a F+b | A+g B+g F+g | · | · | · | G+null null+h',
  'stream-table inner': '· | · | · | · | B+a | · | · | · | · | · | · | · | · | D+d | E+d | · | · | · | F+f | · | · | · | · | ·',
  'stream-table left':
    '· | · | A+null | · | B+a | · | · | · | C+null | · | · | · | · | D+d | E+d | · | · | · | F+f | · | · | G+null | · | ·',
  'table-table inner':
    '· | · | · | A+a | B+a | B+b | - | · | · | C+c | - | · | · | D+d | E+d | E+e | - | · | F+f | F+g | - | · | G+h | ·',
  'table-table left':
    '· | · | A+null | A+a | B+a | B+b | - | · | C+null | C+c | C+null | - | · | D+d | E+d | E+e | - | · | F+f | F+g | F+null | G+null | G+h | ·',
  'table-table outer':
    '· | · | A+null | A+a | B+a | B+b | null+b | - | C+null | C+c | C+null | - | null+d | D+d | E+d | E+e | null+e | null+f | F+f | F+g | F+null | G+null | G+h | ·',
}

for (const [kind, expected] of Object.entries(EXPECTED))
  test(`a join, ${kind}, says what Kafka Streams says of values, deletions and disorder`, () => {
    const all = said({ kind, grace: 100, before: 3, after: 4, records })
    const lines = [...records, undefined].map((_, at) =>
      all
        .filter(({ step }) => step === at)
        .map(({ value }) => value ?? '-')
        .toSorted()
        .join(' '),
    )
    assert.deepEqual(
      lines.map((line) => line || '·'),
      expected.split(' | '),
    )
  })
