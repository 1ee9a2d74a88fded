import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import { createAccessLog, type AccessEntry } from './seen.ts'

const entry: AccessEntry = {
  ...{ time: 1_700_000_000_123, correlationId: 'c', address: '127.0.0.1', consumer: 'Zoë "두레"', method: 'GET', host: 'a' },
  ...{ path: '/a', route: 'r', upstream: '-', status: 200, duration: 1.23456, bytesIn: 1, bytesOut: 2, tries: 1 },
  failure: undefined,
}

test('lines of the access log are gathered, and each is the entry that it was made of', async () => {
  const world = virtualRuntime()
  const given: string[] = []
  const log = createAccessLog(world, (lines, done) => {
    given.push(lines.toString())
    done()
  })
  const durations = [0, 0.0004, 0.9996, 1.23456, 59_999.9999]
  for (const duration of durations) log.write({ ...entry, duration })
  const long = { ...entry, failure: '두'.repeat(40_000) }
  log.write(long)
  assert.equal(given.length, 2)
  log.write(entry)
  assert.equal(given.length, 2)
  await world.advance(250)
  const read = given.flatMap((lines) => lines.trimEnd().split('\n')).map((line) => JSON.parse(line) as AccessEntry)
  assert.deepEqual(
    read.slice(0, durations.length).map(({ duration }) => duration),
    [0, 0, 1, 1.235, 60_000],
  )
  assert.deepEqual(read[5], { ...long, duration: 1.235 })
  const { failure: _, ...shown } = entry
  assert.deepEqual(read[6], { ...shown, duration: 1.235 })
  for (let i = 0; i < 1_000; i++) log.write(entry)
  assert.ok(given.slice(3).every((lines) => lines.endsWith('}\n') && lines.length > 60_000))
})

for (const isTold of [true, false])
  test(`who takes no lines for now gets none, and they are counted, ${isTold ? 'until he says so' : 'and is asked again'}`, async () => {
    const world = virtualRuntime()
    const given: string[] = []
    const log = createAccessLog(world, (lines) => given.push(lines.toString()) !== 1, isTold)
    log.write(entry)
    await world.advance(250)
    log.write(entry)
    log.write(entry)
    assert.deepEqual([given.length, log.dropped()], [1, 2])
    await world.advance(250)
    log.write(entry)
    assert.equal(log.dropped(), isTold ? 3 : 2)
    log.drained()
    log.write(entry)
    log.flush()
    assert.equal(given[1]?.split('\n').length, isTold ? 2 : 3)
  })

test('bytes of lines are not written over before whoever took them says so, and then they are used again', () => {
  const given: { readonly lines: Buffer; readonly done: () => void }[] = []
  const log = createAccessLog(virtualRuntime(), (lines, done) => void given.push({ lines, done }))
  const give = (path: string): { readonly lines: Buffer; readonly done: () => void } => {
    log.write({ ...entry, path })
    log.flush()
    return given.at(-1)!
  }
  const [first, second] = [give('/first'), give('/second')]
  assert.deepEqual([/"path":"([^"]*)"/.exec(first.lines.toString())?.[1], second.lines.includes('/second')], ['/first', true])
  first.done()
  give('/third')
  assert.equal(give('/fourth').lines.buffer, first.lines.buffer)
  assert.ok(second.lines.includes('/second'))
})
