import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import { HEADLINE_MIX } from '../workload/mix.ts'
import { runChaos } from './chaos.ts'
import { createOutages } from './outages.ts'
import type { Outage } from './storm.ts'

test('the database goes in good order or is killed, and comes back, under load', async () => {
  const history: string[] = []
  const seen: Outage[] = []
  const stopping = new AbortController()
  let finished = 0
  const load = setInterval(() => (finished += 100), 1)
  const storm = createOutages({
    server: {
      stop: async () => void history.push('stop'),
      crash: async () => void history.push('crash'),
      start: async () => void history.push('start'),
    },
    marketplace: { running: () => true, lastWords: () => '' },
    seconds: 3_600,
    up: [0, 0],
    random: { ...seededRandom(1), number: () => 0 },
    finished: () => finished,
    signal: stopping.signal,
    onEvent: (outage) => void (seen.push(outage) === 8 && stopping.abort()),
  })
  const { outages } = await storm.run().finally(() => clearInterval(load))
  assert.deepEqual(outages, seen)
  assert.deepEqual([...new Set(seen.map(({ how }) => how))].toSorted(), ['killed', 'stopped'])
  const expected = seen.flatMap(({ how }) => [how === 'stopped' ? 'stop' : 'crash', 'start'])
  assert.deepEqual(history, expected)
})

test('a broker is also frozen, cut off, unheard and full, and whatever was begun is ended', async () => {
  const history: string[] = []
  const note = (what: string) => (): void => void history.push(what)
  const noted = (what: string) => async (): Promise<void> => note(what)()
  const stopping = new AbortController()
  let finished = 0
  const load = setInterval(() => (finished += 100), 1)
  const storm = createOutages({
    server: {
      ...{ stop: noted('stop'), crash: noted('crash'), start: noted('start'), cut: noted('cut') },
      ...{ freeze: note('freeze'), thaw: note('thaw'), loseAnswers: (lost) => note(lost ? 'lose' : 'find')() },
      disk: { fill: note('fill'), free: note('free') },
    },
    marketplace: { running: () => true, lastWords: () => '' },
    ...{ seconds: 3_600, up: [0, 0], lasting: { frozen: 0, unheard: 0, full: 0 } },
    random: { ...seededRandom(1), number: () => 0 },
    finished: () => finished,
    signal: stopping.signal,
    onEvent: ({ how }) => void (history.push(how) && how === 'full' && stopping.abort()),
  })
  const { outages } = await storm.run().finally(() => clearInterval(load))
  assert.equal(outages!.length, 6)
  assert.deepEqual(history, [
    ...['crash', 'start', 'killed', 'stop', 'start', 'stopped', 'freeze', 'thaw', 'frozen', 'cut', 'cut'],
    ...['lose', 'find', 'unheard', 'fill', 'free', 'stop', 'start', 'full'],
  ])
})

test('a marketplace that ends with its database is said so', async () => {
  const storm = createOutages({
    server: { stop: async () => {}, crash: async () => {}, start: async () => {} },
    marketplace: { running: () => false, lastWords: () => 'ECONNREFUSED' },
    seconds: 5,
    random: seededRandom(1),
    finished: () => 0,
    signal: new AbortController().signal,
    onEvent: () => {},
  })
  await assert.rejects(storm.run(), /ChildError: The marketplace ended by itself; the last it said: ECONNREFUSED/)
})

test(
  'PostgreSQL comes and goes under the marketplace, which loses nothing and doubles nothing',
  { timeout: 300_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-outages-test-'))
    const uniform = { kind: 'uniform' } as const
    try {
      const result = await runChaos({
        ...{ directory, kills: 0, seconds: 6, seed: 3, concurrency: 8, products: 50, customers: 50, quiet: 120 },
        ...{ outages: true, outbox: 'wal' },
        mix: HEADLINE_MIX,
        sessions: { sellers: uniform, products: uniform, checkoutProbability: 100, voucherProbability: 5, uniqueSeller: false },
        signal: AbortSignal.timeout(280_000),
        say: () => {},
        watch: () => {},
      })
      assert.deepEqual({ lost: result.lost, doubled: result.doubled }, { lost: [], doubled: [] })
      assert.deepEqual(
        result.invariants.filter(({ ok }) => !ok),
        [],
      )
      assert.ok(result.outages!.length >= 1)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)
