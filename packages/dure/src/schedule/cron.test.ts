import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ticksOf } from './cron.ts'

const utc = (text: string): number => Date.parse(`${text}Z`)
const next = (cron: string, zone: string, from: string, count: number): string[] => {
  const { after } = ticksOf(cron, zone)
  const found: string[] = []
  for (let at = utc(from); found.length < count; found.push(new Date(at).toISOString().slice(0, 16))) at = after(at)
  return found
}

test('Europe/Berlin: a time in the hour that is skipped comes when the hour is over; one in the hour that is doubled comes the first time', () => {
  assert.deepEqual(next('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00', 3), [
    '2026-03-28T01:30',
    '2026-03-29T01:00', // 03:00 there, as there is no 02:30
    '2026-03-30T00:30',
  ])
  assert.deepEqual(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00', 2), ['2026-10-25T00:30', '2026-10-26T01:30'])
})

test('America/New_York: the same', () => {
  assert.deepEqual(next('30 2 * * *', 'America/New_York', '2026-03-07T12:00', 2), ['2026-03-08T07:00', '2026-03-09T06:30'])
  assert.deepEqual(next('30 1 * * *', 'America/New_York', '2026-10-31T12:00', 2), ['2026-11-01T05:30', '2026-11-02T06:30'])
})

test('what comes at intervals goes on through both, without a gap and without a tick twice', () => {
  const halves = ['2026-10-25T00:00', '2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00']
  assert.deepEqual(next('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:45', 5), halves)
  assert.deepEqual(next('0 * * * *', 'America/New_York', '2026-03-08T05:30', 3), [
    '2026-03-08T06:00',
    '2026-03-08T07:00',
    '2026-03-08T08:00',
  ])
})

test('Asia/Seoul has no such hours', () => {
  assert.deepEqual(next('30 2 * * *', 'Asia/Seoul', '2026-03-28T20:00', 2), ['2026-03-29T17:30', '2026-03-30T17:30'])
})

test('what cannot be read is refused in words', () => {
  for (const [cron, zone, message] of [
    ['61 * * * *', 'UTC', /"cron" is "61 \* \* \* \*": Invalid value for minute: 61\. To do: give five fields/],
    ['* * * *', 'UTC', /give five fields/],
    ['* * * * * * *', 'UTC', /6 parts/],
    ['2026-01-01T00:00:00', 'UTC', /not a cron expression/],
    ['? * * * *', 'UTC', /not a cron expression/],
    ['', 'UTC', /"cron" is ""/],
    [5, 'UTC', /not a cron expression/],
    ['0 0 30 2 *', 'UTC', /never comes/],
    ['* * * * *', 'Mars/Olympus', /"zone" is "Mars\/Olympus"; give an IANA time zone/],
    ['* * * * *', '', /"zone" is ""/],
    ['* * * * *', undefined, /"zone" is "undefined"/],
  ] as const)
    assert.throws(() => ticksOf(cron as string, zone as string), { name: 'TypeError', message })
})

test('ticks that are due are counted, and the last of a great many is found without that', () => {
  const seconds = ticksOf('* * * * * *', 'Europe/Berlin')
  const first = utc('2026-03-01T00:00:00')
  assert.deepEqual(seconds.due(first, first + 999), { at: first, before: 0 })
  assert.deepEqual(seconds.due(first, first + 5_000), { at: first + 5_000, before: 5 })
  const year = 365 * 24 * 60 * 60 * 1_000
  assert.deepEqual(seconds.due(first, first + year + 400), { at: first + year, before: 1_000 })
})

test('whatever is due is the last tick up to now, and the next comes after it', () => {
  const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Seoul', 'Australia/Lord_Howe')
  const cron = fc.constantFrom('*/7 * * * *', '30 1,2 * * *', '0 */3 * * *', '*/20 * * * * *')
  const from = fc.integer({ min: utc('2026-01-01T00:00'), max: utc('2026-12-31T00:00') })
  const span = fc.integer({ min: 0, max: 3 * 24 * 60 * 60 * 1_000 })
  fc.assert(
    fc.property(zone, cron, from, span, (zone, cron, from, span) => {
      const { after, due } = ticksOf(cron, zone)
      const first = after(from)
      const { at } = due(first, first + span)
      return at >= first && at <= first + span && after(at) > first + span
    }),
    { numRuns: 100 },
  )
})
