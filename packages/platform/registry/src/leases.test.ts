import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { checkInstance, type EurekaInstance } from './instance.ts'
import type { Row } from './lease.ts'
import { createBook, type Book } from './leases.ts'
import type { Gone } from './tombstones.ts'
import { said } from './registry.test-support.ts'

const HOUR = 3_600_000

/** A book whose time is told: `pass` seconds go by, while it is looked after. */
function opened(kept: { readonly rows?: readonly Row[]; readonly gone?: readonly Gone[] } = {}) {
  const time = { wall: 1_700_000_000_000, monotonic: 0 }
  const book = createBook({
    clock: { now: () => time.wall, monotonic: () => time.monotonic },
    limits: { instances: 1_000, instancesPerClient: 500 },
    preservation: { least: 10, share: 0.15, time: 300_000 },
    rows: kept.rows ?? [],
    gone: kept.gone ?? [],
    onChange: () => {},
  })
  const pass = (seconds: number): void => {
    for (let at = 0; at < seconds * 4; at++) {
      time.monotonic += 250
      time.wall += 250
      book.sweep()
    }
  }
  return { book, time, pass }
}

const instance = (id: string, more: object = {}): EurekaInstance =>
  checkInstance(said('ORDER', id, { leaseInfo: { renewalIntervalInSecs: 1, durationInSecs: 3 }, ...more }).instance, {
    longestLease: 3_600,
    instanceSize: 65_536,
  })
const ids = (book: Book): string =>
  [...book.all()]
    .map(({ instance: { id } }) => id)
    .toSorted()
    .join()
const many = Array.from({ length: 20 }, (_, at) => `i${String(at).padStart(2, '0')}`)

test('what was taken out is not brought back by what was sent before, whenever it comes', () => {
  const { book, pass } = opened()
  book.register(instance('a', { lastDirtyTimestamp: 2000 }), 'x')
  assert.equal(book.remove('ORDER', 'a'), true)
  assert.equal(book.renew('ORDER', 'a', 2000), false)
  for (const dirty of [2000, 1000]) assert.equal(book.register(instance('a', { lastDirtyTimestamp: dirty }), 'x'), 'late')
  // The last words of a client that goes: told that it is not known, it registers as down (spring-cloud-netflix#1543).
  assert.equal(book.register(instance('a', { lastDirtyTimestamp: 2500, status: 'DOWN' }), 'x'), 'late')
  pass(60)
  assert.equal(book.register(instance('a', { lastDirtyTimestamp: 2000 }), 'x'), 'late')
  assert.equal(book.size(), 0)
  assert.equal(book.register(instance('a', { lastDirtyTimestamp: 3000 }), 'x'), 'registered')
})

test('a clock that was set back an hour keeps nobody out: what comes later is later', () => {
  const { book, time, pass } = opened()
  book.register(instance('a', { lastDirtyTimestamp: HOUR }), 'x')
  book.register(instance('b', { lastDirtyTimestamp: HOUR }), 'x')
  book.remove('ORDER', 'a')
  pass(11)
  assert.equal(book.register(instance('a', { lastDirtyTimestamp: 1 }), 'x'), 'registered')
  // One that lives goes on with another clock: what it says is not taken for late for longer than its lease.
  assert.equal(book.register(instance('b', { lastDirtyTimestamp: HOUR }), 'x'), 'registered')
  assert.equal(book.register(instance('b', { lastDirtyTimestamp: 1, status: 'DOWN' }), 'x'), 'late')
  assert.equal(book.renew('ORDER', 'b', 1), false)
  pass(4)
  assert.equal(book.register(instance('b', { lastDirtyTimestamp: 2, status: 'DOWN' }), 'x'), 'registered')
  // This machine's own clock decides nothing.
  time.wall -= 24 * HOUR
  book.register(instance('c'), 'x')
  pass(2)
  assert.match(ids(book), /c/)
  time.wall += 48 * HOUR
  book.sweep()
  assert.match(ids(book), /c/)
})

test('overtaken changes change nothing, and the last word stays', () => {
  const { book } = opened()
  book.register(instance('a', { lastDirtyTimestamp: 2, status: 'UP' }), 'x')
  assert.equal(book.register(instance('a', { lastDirtyTimestamp: 1, status: 'STARTING' }), 'x'), 'late')
  assert.equal(book.find('ORDER', 'a')?.record.status, 'UP')
})

test('after a restart each has one lease to be heard of, be they many or all; what was taken out stays so', () => {
  const rows = many.map((id) => ({ instance: instance(id), override: undefined, client: 'x' }))
  const { book, pass } = opened({ rows, gone: [{ app: 'ORDER', id: 'z', dirty: 1000 }] })
  assert.equal(book.register(instance('z'), 'x'), 'late')
  pass(2)
  assert.equal(book.size(), 20)
  assert.equal(book.renew('ORDER', 'i03', 1000), true)
  pass(2)
  assert.equal(ids(book), 'i03')
  assert.equal(book.staleSince(), undefined)
})

test('when many are silent at once they are kept, and the view is said to be stale; heard of again it is fresh; in the end they go', () => {
  const { book, pass, time } = opened()
  for (const id of many) book.register(instance(id), 'x')
  const renew = (some: readonly string[]): void => some.forEach((id) => assert.equal(book.renew('ORDER', id, 1000), true, id))
  pass(2)
  renew(many)
  const before = time.wall
  for (let at = 0; at < 30; at++) {
    renew(many.slice(0, 5))
    pass(1)
  }
  assert.equal(book.size(), 20)
  assert.ok(book.staleSince()! > before && book.staleSince()! <= before + 4_000)
  renew(many)
  pass(1)
  assert.equal(book.staleSince(), undefined)
  for (let at = 0; at < 310; at++) {
    renew(many.slice(0, 5))
    pass(1)
  }
  assert.equal(book.size(), 5)
  assert.equal(book.staleSince(), undefined)
})

test('few that are silent go with their leases, also one of two', () => {
  const { book, pass } = opened()
  for (const id of ['a', 'b']) book.register(instance(id), 'x')
  for (let at = 0; at < 4; at++) {
    book.renew('ORDER', 'b', undefined)
    pass(1)
  }
  assert.equal(ids(book), 'b')
})

test('while the registry itself stood still nobody lost a lease', () => {
  const { book, pass, time } = opened()
  for (const id of ['a', 'b']) book.register(instance(id), 'x')
  pass(1)
  time.monotonic += 60_000
  book.sweep()
  assert.equal(ids(book), 'a,b')
  pass(3)
  assert.equal(ids(book), '')
})

test('the registry and what one client puts into it are bounded, and what goes makes room', () => {
  const { book } = opened()
  for (let at = 0; at < 500; at++) book.register(instance(`a${at}`), 'x')
  assert.throws(() => book.register(instance('more'), 'x'), /x has registered 500 already/)
  assert.equal(book.register(instance('a1', { lastDirtyTimestamp: 2000 }), 'x'), 'registered')
  for (let at = 0; at < 500; at++) book.register(instance(`b${at}`), 'y')
  assert.throws(() => book.register(instance('more'), 'z'), /the registry is full with 1000/)
  book.remove('ORDER', 'a0')
  assert.equal(book.register(instance('more'), 'x'), 'registered')
})

test('whoever follows the changes has what is there, from any revision, in any order of events', () => {
  const word = fc.record({
    what: fc.constantFrom('register', 'remove', 'override', 'health', 'pass'),
    id: fc.constantFrom('a', 'b', 'c'),
    status: fc.constantFrom('UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE'),
    dirty: fc.nat(5),
    look: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      const { book, pass } = opened()
      const seen = new Map<string, string>()
      let at = 0
      for (const { what, id, status, dirty, look } of words) {
        if (what === 'register') book.register(instance(id, { status, lastDirtyTimestamp: dirty }), 'x')
        else if (what === 'remove') book.remove('ORDER', id)
        else if (what === 'override') book.override('ORDER', id, status === 'UP' ? undefined : status)
        else if (what === 'health') book.judge('ORDER', id, status === 'UP' ? undefined : 'DOWN')
        else pass(1)
        if (!look) continue
        for (const { lease, deleted } of book.changes(at)!) {
          if (deleted) seen.delete(lease.instance.id)
          else seen.set(lease.instance.id, lease.record.status)
        }
        at = book.revision()
        const there = [...book.all()].map((lease) => [lease.instance.id, lease.record.status])
        assert.deepEqual([...seen].toSorted(), there.toSorted())
        assert.equal(book.hash().split('_').filter(Boolean).length > 0, there.length > 0)
      }
    }),
  )
})

test('changes that are too old to be told are not told in part', () => {
  const { book, pass } = opened()
  book.register(instance('a', { leaseInfo: { durationInSecs: 3_600 } }), 'x')
  const first = book.revision()
  pass(200)
  book.register(instance('b', { leaseInfo: { durationInSecs: 3_600 } }), 'x')
  assert.equal(book.changes(0), undefined)
  assert.deepEqual(
    book.changes(first)?.map(({ lease }) => lease.instance.id),
    ['b'],
  )
  assert.equal(book.changes(99), undefined)
  // Eureka's own clients are told what is of the last three minutes.
  assert.equal(book.changes()?.length, 1)
})
