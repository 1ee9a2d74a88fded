import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BASE_TIME, nexmarkEvent, timeOf } from './events.ts'
import { arrivals } from './arrivals.ts'

test('the first event is the one that nexmark-rs makes', () => {
  assert.deepEqual(nexmarkEvent(0), {
    kind: 'person',
    value: {
      id: 1000,
      name: 'vicky noris',
      emailAddress: 'yplkvgz@qbxfg.com',
      creditCard: '7878 5821 1864 2539',
      city: 'cheyenne',
      state: 'az',
      dateTime: BASE_TIME,
      extra:
        'lwaiyhjhrkaruidlsjilvqccyedttedeynpqmackqbwvklwuyypztnkengzgtwtjivjgrxurskpcldfohdzuwnefqymyncrksxyfaecwsbswjumzxudgoznyhakxrudomnxtmqtgshecfjgspxzpludz',
    },
  })
})

test('a channel has one address, and nine of ten tell their number in it, its bits turned round', () => {
  const urls = new Map<string, string>()
  for (let n = 0; n < 5_000; n += 1) {
    const { kind, value } = nexmarkEvent(n)
    if (kind !== 'bid') continue
    assert.equal(urls.get(value.channel) ?? value.url, value.url)
    urls.set(value.channel, value.url)
  }
  assert.match(urls.get('Google')!, /^https:\/\/www\.nexmark\.com\/[a-z_]{3,4}\/[a-z_]{3,4}\/[a-z_]{3,4}\/item\.htm\?query=1$/)
  const others = [...urls].filter(([channel]) => channel.startsWith('channel-'))
  const told = others.filter(([, url]) => url.includes('&channel_id='))
  assert.ok(told.length / others.length > 0.85 && told.length < others.length)
  for (const [channel, url] of told) {
    const bits = Number(channel.slice('channel-'.length)).toString(2).padStart(32, '0')
    const turned = Number.parseInt([...bits].toReversed().join(''), 2) | 0
    assert.equal(url.split('&channel_id=')[1], String(Math.abs(turned)))
  }
})

test('of fifty events one is a person and three are auctions, and ids run on', () => {
  const events = Array.from({ length: 5_000 }, (_, n) => nexmarkEvent(n))
  const people = events.filter(({ kind }) => kind === 'person').map(({ value }) => (value as { id: number }).id)
  const auctions = events.filter(({ kind }) => kind === 'auction').map(({ value }) => (value as { id: number }).id)
  assert.deepEqual(
    people,
    Array.from({ length: 100 }, (_, index) => 1000 + index),
  )
  assert.deepEqual(
    auctions,
    Array.from({ length: 300 }, (_, index) => 1000 + index),
  )
  assert.equal(timeOf(5_000) - BASE_TIME, 500)
})

test('arrivals are every event once, in another order', () => {
  const order = [...arrivals({ events: 3_500, group: 1_000, late: 0.1, lateBy: 700 })]
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    Array.from({ length: 3_500 }, (_, n) => n),
  )
  const late = order.filter((n, at) => order.slice(0, at).some((before) => Math.floor(before / 1_000) > Math.floor(n / 1_000)))
  assert.ok(late.length > 100 && late.length < 700, `${late.length} are late`)
  assert.deepEqual([...arrivals({ events: 5, group: 1, late: 0, lateBy: 0 })], [0, 1, 2, 3, 4])
})
