import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createConnectionLimiter, type LimitedConnection, type ConnectionLimiter } from './connection-limiter.ts'

type Fake = LimitedConnection & { usedAt: number; size: number; many: boolean; readonly end: string[] }

let made = 0

function come(limiter: ConnectionLimiter, address: string): Fake {
  const fake: Fake = {
    origin: limiter.originOf(address),
    here: false,
    held: 0,
    since: made++,
    usedAt: 0,
    size: 0,
    many: false,
    end: [],
    evict: () => void fake.end.push('evicted'),
    close: (reason) => {
      fake.end.push(reason)
      limiter.remove(fake)
    },
  }
  fake.many = limiter.add(fake)
  return fake
}

function sit(limiter: ConnectionLimiter, address: string): Fake & { readonly refusal: string | undefined } {
  const fake = come(limiter, address)
  return Object.assign(fake, { refusal: limiter.accept(fake) })
}

const limits = { connections: 4, strangers: 2, memory: 1_000 }

test('of too many who do not say who they are, the oldest goes', () => {
  const limiter = createConnectionLimiter(limits)
  const [first, second, third] = [come(limiter, 'a'), come(limiter, 'b'), come(limiter, 'a')]
  assert.equal(first.end.length, 0)
  limiter.shed()
  assert.equal(first.end.length, 1)
  assert.deepEqual([second.end, third.end], [[], []])
  assert.equal(limiter.accept(second), undefined)
  come(limiter, 'a')
  limiter.shed()
  assert.deepEqual(third.end, [])
})

test('a full house makes room for a newcomer: of whoever has most, the one unused for longest', () => {
  const limiter = createConnectionLimiter(limits)
  const many = [sit(limiter, 'many'), sit(limiter, 'many'), sit(limiter, 'many')]
  const few = sit(limiter, 'few')
  many[0]!.usedAt = 5
  many[1]!.size = 1
  many[2]!.usedAt = 3
  const next = sit(limiter, 'new')
  assert.equal(next.refusal, undefined)
  assert.deepEqual(
    many.map(({ end }) => end.length),
    [0, 0, 1],
  )
  assert.deepEqual(few.end, [])
})

test('who has most cannot push others out, only its own; who is busy stays', () => {
  const limiter = createConnectionLimiter(limits)
  const few = sit(limiter, 'few')
  const many = [sit(limiter, 'many'), sit(limiter, 'many'), sit(limiter, 'many')]
  assert.equal(sit(limiter, 'many').refusal, undefined)
  assert.deepEqual(few.end, [])
  assert.deepEqual(
    many.map(({ end }) => end.length),
    [1, 0, 0],
  )
})

test('where all are busy a newcomer is refused, unless one address has more than half', () => {
  const limiter = createConnectionLimiter(limits)
  const seated = ['a', 'a', 'b', 'b'].map((address) => Object.assign(sit(limiter, address), { size: 1 }))
  const late = sit(limiter, 'c')
  assert.match(late.refusal ?? '', /^4 connections are in use/)
  limiter.remove(late)
  limiter.remove(seated[3]!)
  Object.assign(sit(limiter, 'a'), { size: 1 })
  assert.equal(sit(limiter, 'c').refusal, undefined)
})

test('of those asked to go no more wait than of strangers', () => {
  const limiter = createConnectionLimiter(limits)
  const first = ['a', 'a', 'a', 'a'].map((address) => sit(limiter, address))
  for (let i = 0; i < 4; i++) sit(limiter, 'b')
  assert.equal(first.filter(({ here }) => here).length, 2)
})

test('who makes the listener hold most goes first, by address and then by connection', () => {
  const limiter = createConnectionLimiter(limits)
  const small = sit(limiter, 'a')
  const [one, two] = [sit(limiter, 'b'), sit(limiter, 'b')]
  limiter.hold(small, 400)
  limiter.hold(one, 300)
  limiter.hold(two, 250)
  assert.equal(limiter.held(), 950)
  limiter.hold(small, 100)
  assert.deepEqual([small.end.length, one.end.length, two.end.length], [0, 1, 0])
  assert.equal(limiter.held(), 750)
  // What comes late of one who has left is not counted.
  limiter.hold(one, -300)
  assert.equal(limiter.held(), 750)
})

test('addresses of one IPv6 network are one', () => {
  const limiter = createConnectionLimiter(limits)
  const same = (a: string, b: string): boolean => limiter.originOf(a) === limiter.originOf(b)
  assert.ok(same('2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6'))
  assert.ok(!same('2001:db8:1:2::1', '2001:db8:1:3::1'))
  assert.ok(!same('::ffff:10.0.0.1', '::ffff:10.0.0.2'))
  assert.ok(!same('10.0.0.1', '10.0.0.2'))
})

test('whatever happens, the sums are right and the bounds hold', () => {
  const step = fc.record({
    what: fc.constantFrom('come', 'seat', 'leave', 'hold', 'use'),
    who: fc.nat(),
    address: fc.constantFrom('a', 'b', 'c'),
    bytes: fc.integer({ min: 1, max: 600 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const limiter = createConnectionLimiter(limits)
      const all: Fake[] = []
      const seated = new Set<Fake>()
      for (const { what, who, address, bytes } of steps) {
        const here = all.filter((one) => one.here)
        const one = here[who % Math.max(1, here.length)]
        if (what === 'come') {
          const fake = come(limiter, address)
          all.push(fake)
          if (fake.many) limiter.shed()
        } else if (one === undefined) continue
        else if (what === 'leave') limiter.remove(one)
        else if (what === 'hold') limiter.hold(one, bytes)
        else if (what === 'use') Object.assign(one, { size: bytes % 2, usedAt: bytes })
        else if (!seated.has(one)) {
          if (limiter.accept(one) === undefined) seated.add(one)
          else limiter.remove(one)
        }
        const left = all.filter((other) => other.here)
        assert.equal(
          limiter.held(),
          left.reduce((sum, { held }) => sum + held, 0),
        )
        assert.ok(limiter.held() <= limits.memory)
        assert.ok(left.length <= limits.connections + 2 * limits.strangers)
        for (const { origin } of left) assert.equal(origin.connections, left.filter((other) => other.origin === origin).length)
      }
    }),
    { numRuns: 500 },
  )
})
