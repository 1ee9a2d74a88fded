import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import type { Child } from './child.ts'
import { createStorm, type StormEvent } from './storm.ts'

function fakeChild(history: string[], name: string): Child {
  let running = true
  return {
    running: () => running,
    signal: () => {},
    lastWords: () => 'out of memory',
    start: async () => {
      assert.ok(!running, `${name} is started when it is down`)
      running = true
      history.push(`${name} up`)
      return 1
    },
    kill: async () => {
      running = false
      history.push(`${name} down`)
    },
  }
}

test('every kill is followed by a start, under load, and the provider falls now and then and stands at the end', async () => {
  const history: string[] = []
  const events: StormEvent[] = []
  let finished = 0
  const load = setInterval(() => (finished += 100), 1)
  const provider = fakeChild(history, 'provider')
  const storm = createStorm({
    marketplace: fakeChild(history, 'marketplace'),
    provider,
    kills: 3,
    seconds: 0.1,
    // Chance that always takes the provider along, and never waits long.
    random: { ...seededRandom(1), integer: () => 0, number: () => 0.01 },
    finished: () => finished,
    signal: new AbortController().signal,
    onEvent: (event) => void events.push(event),
  })
  const result = await storm.run().finally(() => clearInterval(load))
  assert.equal(result.kills, 3)
  assert.equal(result.restarts.length, 3)
  const market = history.filter((line) => line.startsWith('marketplace'))
  assert.deepEqual(market, [
    'marketplace down',
    'marketplace up',
    'marketplace down',
    'marketplace up',
    'marketplace down',
    'marketplace up',
  ])
  assert.equal(result.providerKills, 3)
  assert.equal(history.filter((line) => line === 'provider down').length, 3)
  assert.ok(provider.running() && storm.up())
  assert.equal(events.filter(({ kind }) => kind === 'killed').length, 3)
})

test('a marketplace that falls by itself is no kill but an error', async () => {
  const marketplace = fakeChild([], 'marketplace')
  await marketplace.kill()
  let finished = 0
  const storm = createStorm({
    ...{ marketplace, provider: fakeChild([], 'provider'), kills: 1, seconds: 0.01, random: seededRandom(1) },
    finished: () => (finished += 10),
    signal: new AbortController().signal,
    onEvent: () => {},
  })
  await assert.rejects(storm.run(), /ChildError: The marketplace ended by itself; the last it said: out of memory/)
})

test('an interrupted storm ends before its next kill', async () => {
  const history: string[] = []
  const stopping = new AbortController()
  stopping.abort()
  const storm = createStorm({
    marketplace: fakeChild(history, 'marketplace'),
    provider: fakeChild(history, 'provider'),
    kills: 3,
    seconds: 60,
    random: seededRandom(1),
    finished: () => 0,
    signal: stopping.signal,
    onEvent: () => {},
  })
  assert.equal((await storm.run()).kills, 0)
  assert.deepEqual(history, [])
})
