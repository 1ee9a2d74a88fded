import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeclaredError } from '../../../contract/contract.ts'
import { virtualRuntime } from '../../../runtime/runtime.ts'
import type { Batch } from './contract.ts'
import { packOne } from './pack.ts'
import { createSession, type Session } from './session.ts'

const world = virtualRuntime()
const open = (): Session => createSession({ id: 's', name: 'client', runtime: world })

function batch(n: number, size = 10): Omit<Batch, 'number'> {
  const message = {
    id: `${n}`,
    source: 'test',
    type: 'topic',
    key: '',
    time: 0,
    schemaVersion: 1,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    data: 'x'.repeat(size),
  }
  return { member: 1, topic: 'topic', partition: n, messages: packOne(message) }
}

/** Takes what the stream gives until it has nothing more. */
async function takeAll(stream: AsyncIterable<{ readonly batches: readonly Batch[] }>): Promise<number[]> {
  const numbers: number[] = []
  const iterator = stream[Symbol.asyncIterator]()
  for (;;) {
    let result: Awaited<ReturnType<typeof iterator.next>> | undefined
    void iterator.next().then((next) => (result = next))
    await world.advance(1)
    if (result === undefined || result.done === true) break
    numbers.push(...result.value.batches.map(({ number }) => number))
  }
  return numbers
}

/** How an offer ends, as far as it has. */
function ends(offer: Promise<unknown>): { readonly how: () => unknown } {
  let how: unknown = 'open'
  offer.then(
    () => (how = 'done'),
    (error: unknown) => (how = error),
  )
  return { how: () => how }
}

test('a stream that comes again brings what is not settled and not in hand', async () => {
  const session = open()
  const offers = [1, 2, 3, 4].map((n) => ends(session.offer(batch(n))))
  assert.deepEqual(await takeAll(session.attach([])), [1, 2, 3, 4])
  session.settle([{ number: 1 }, { number: 1 }, { number: 99 }])
  assert.deepEqual(await takeAll(session.attach([3])), [2, 4])
  session.settle([
    { number: 2, error: 'no', errorName: 'TypeError' },
    { number: 3, error: 'never', errorName: 'TypeError' },
  ])
  await world.advance(1)
  assert.equal(offers[0]!.how(), 'done')
  assert.equal(String(offers[1]!.how()), 'TypeError: no')
  assert.equal((offers[2]!.how() as Error).name, 'TypeError')
  assert.equal(offers[3]!.how(), 'open')
})

test('the stream before ends when another comes', async () => {
  const session = open()
  const first = session.attach([])[Symbol.asyncIterator]()
  const waiting = first.next()
  const second = session.attach([])[Symbol.asyncIterator]()
  assert.equal((await waiting).done, true)
  assert.equal(session.streaming(), true)
  await first.return?.()
  assert.equal(session.streaming(), true, 'the end of the first is not the end of the second')
  await second.return?.()
  assert.equal(session.streaming(), false)
})

test('a client that settles nothing is sent no more than it may have in hand', async () => {
  const session = open()
  const MiB = 1024 * 1024
  for (let n = 0; n < 40; n++) ends(session.offer(batch(n, MiB - 100)))
  const stream = session.attach([])
  assert.equal((await takeAll(stream)).length, 16)
  // What it has counts for the next stream as well.
  const again = session.attach(Array.from({ length: 16 }, (_, n) => n + 1))
  assert.deepEqual(await takeAll(again), [])
  const third = session.attach(Array.from({ length: 16 }, (_, n) => n + 1))
  session.settle(Array.from({ length: 10 }, (_, n) => ({ number: n + 1 })))
  assert.equal((await takeAll(third)).length, 10)
  const alone = open()
  ends(alone.offer(batch(1, 20 * MiB)))
  assert.deepEqual(await takeAll(alone.attach([])), [1], 'one that is larger than all goes alone')
})

test('the end gives everything back, after its members have begun to leave', async () => {
  const session = open()
  const order: string[] = []
  let left = (): void => {}
  await session.join(1, async () => ({
    stop: () => {
      order.push('leaves')
      return new Promise((resolve) => void (left = resolve))
    },
  }))
  const offer = session.offer(batch(1)).catch((error: unknown) => {
    order.push('is back')
    left()
    assert.match(String(error), /"client" is gone.*killed/)
  })
  const waiting = session.attach([1])[Symbol.asyncIterator]().next()
  await Promise.all([session.end('killed'), session.end('killed'), offer])
  assert.deepEqual(order, ['leaves', 'is back'])
  assert.equal((await waiting).done, true)
  await assert.rejects(session.offer(batch(2)))
  await assert.rejects(
    session.join(2, () => assert.fail('it must not be made')),
    (error) => error instanceof DeclaredError && error.code === 'SESSION_OVER',
  )
})

test('a member is made once, leaves when all is settled, and one that is late leaves at once', async () => {
  const session = open()
  let made = 0
  let finish = (): void => {}
  const stopped = new Promise<void>((resolve) => void (finish = resolve))
  const make = async () => {
    made++
    return { stop: () => stopped }
  }
  await Promise.all([session.join(1, make), session.join(1, make)])
  assert.equal(made, 1)
  const still = session.leave(1)
  await world.advance(1_000)
  assert.equal(await still, false)
  finish()
  assert.equal(await session.leave(1), true)
  assert.equal(await session.leave(1), true)
  await assert.rejects(session.join(2, () => Promise.reject(new Error('no such group'))))
  assert.equal(session.members(), 0)

  let stops = 0
  let appear = (): void => {}
  const joining = session.join(3, async () => {
    await new Promise<void>((resolve) => void (appear = resolve))
    return { stop: async () => void stops++ }
  })
  const ending = session.end('closed')
  appear()
  await Promise.all([joining, ending])
  assert.ok(stops >= 1)
})
