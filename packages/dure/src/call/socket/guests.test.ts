import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createGuests, type Guest, type Guests } from './guests.ts'

type Fake = Guest & { usedAt: number; size: number; many: boolean; readonly end: string[] }

let made = 0

function come(guests: Guests, address: string): Fake {
  const fake: Fake = {
    group: guests.groupOf(address),
    here: false,
    held: 0,
    since: made++,
    usedAt: 0,
    size: 0,
    many: false,
    end: [],
    displace: () => void fake.end.push('displaced'),
    close: (reason) => {
      fake.end.push(reason)
      guests.leave(fake)
    },
  }
  fake.many = guests.arrive(fake)
  return fake
}

function sit(guests: Guests, address: string): Fake & { readonly refusal: string | undefined } {
  const fake = come(guests, address)
  return Object.assign(fake, { refusal: guests.seat(fake) })
}

const limits = { connections: 4, strangers: 2, memory: 1_000 }

test('of too many who do not say who they are, the oldest goes', () => {
  const guests = createGuests(limits)
  const [first, second, third] = [come(guests, 'a'), come(guests, 'b'), come(guests, 'a')]
  assert.equal(first.end.length, 0)
  guests.thin()
  assert.equal(first.end.length, 1)
  assert.deepEqual([second.end, third.end], [[], []])
  assert.equal(guests.seat(second), undefined)
  come(guests, 'a')
  guests.thin()
  assert.deepEqual(third.end, [])
})

test('a full house makes room for a newcomer: of whoever has most, the one unused for longest', () => {
  const guests = createGuests(limits)
  const many = [sit(guests, 'many'), sit(guests, 'many'), sit(guests, 'many')]
  const few = sit(guests, 'few')
  many[0]!.usedAt = 5
  many[1]!.size = 1
  many[2]!.usedAt = 3
  const next = sit(guests, 'new')
  assert.equal(next.refusal, undefined)
  assert.deepEqual(
    many.map(({ end }) => end.length),
    [0, 0, 1],
  )
  assert.deepEqual(few.end, [])
})

test('who has most cannot push others out, only its own; who is busy stays', () => {
  const guests = createGuests(limits)
  const few = sit(guests, 'few')
  const many = [sit(guests, 'many'), sit(guests, 'many'), sit(guests, 'many')]
  assert.equal(sit(guests, 'many').refusal, undefined)
  assert.deepEqual(few.end, [])
  assert.deepEqual(
    many.map(({ end }) => end.length),
    [1, 0, 0],
  )
})

test('where all are busy a newcomer is refused, unless one address has more than half', () => {
  const guests = createGuests(limits)
  const seated = ['a', 'a', 'b', 'b'].map((address) => Object.assign(sit(guests, address), { size: 1 }))
  const late = sit(guests, 'c')
  assert.match(late.refusal ?? '', /^4 connections are in use/)
  guests.leave(late)
  guests.leave(seated[3]!)
  Object.assign(sit(guests, 'a'), { size: 1 })
  assert.equal(sit(guests, 'c').refusal, undefined)
})

test('of those asked to go no more wait than of strangers', () => {
  const guests = createGuests(limits)
  const first = ['a', 'a', 'a', 'a'].map((address) => sit(guests, address))
  for (let i = 0; i < 4; i++) sit(guests, 'b')
  assert.equal(first.filter(({ here }) => here).length, 2)
})

test('who makes the listener hold most goes first, by address and then by connection', () => {
  const guests = createGuests(limits)
  const small = sit(guests, 'a')
  const [one, two] = [sit(guests, 'b'), sit(guests, 'b')]
  guests.hold(small, 400)
  guests.hold(one, 300)
  guests.hold(two, 250)
  assert.equal(guests.held(), 950)
  guests.hold(small, 100)
  assert.deepEqual([small.end.length, one.end.length, two.end.length], [0, 1, 0])
  assert.equal(guests.held(), 750)
  // What comes late of one who has left is not counted.
  guests.hold(one, -300)
  assert.equal(guests.held(), 750)
})

test('addresses of one IPv6 network are one', () => {
  const guests = createGuests(limits)
  const same = (a: string, b: string): boolean => guests.groupOf(a) === guests.groupOf(b)
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
      const guests = createGuests(limits)
      const all: Fake[] = []
      const seated = new Set<Fake>()
      for (const { what, who, address, bytes } of steps) {
        const here = all.filter((one) => one.here)
        const one = here[who % Math.max(1, here.length)]
        if (what === 'come') {
          const fake = come(guests, address)
          all.push(fake)
          if (fake.many) guests.thin()
        } else if (one === undefined) continue
        else if (what === 'leave') guests.leave(one)
        else if (what === 'hold') guests.hold(one, bytes)
        else if (what === 'use') Object.assign(one, { size: bytes % 2, usedAt: bytes })
        else if (!seated.has(one)) {
          if (guests.seat(one) === undefined) seated.add(one)
          else guests.leave(one)
        }
        const left = all.filter((other) => other.here)
        assert.equal(
          guests.held(),
          left.reduce((sum, { held }) => sum + held, 0),
        )
        assert.ok(guests.held() <= limits.memory)
        assert.ok(left.length <= limits.connections + 2 * limits.strangers)
        for (const { group } of left) assert.equal(group.guests, left.filter((other) => other.group === group).length)
      }
    }),
    { numRuns: 500 },
  )
})
