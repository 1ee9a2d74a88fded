import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { Cancellation } from '../cancellation.ts'
import { answers, fails, frozen, remoteRig } from './remote.test-support.ts'

function streamRig(policy: Parameters<typeof remoteRig>[0] = {}) {
  const rig = remoteRig(policy)
  const route = rig.transport.route({ service: 'orders', operation: 'watch', repeatable: true })
  const open = (timeout = 1_000, cancellation?: Cancellation) => {
    const values = route.stream('in', rig.context(timeout, cancellation))
    return values[Symbol.asyncIterator]()
  }
  /** Reads to the end; the values, then the code if it failed. */
  const read = (stream: AsyncIterator<unknown>): string[] => {
    const seen: string[] = []
    void (async () => {
      try {
        for (let step = await stream.next(); step.done !== true; step = await stream.next()) seen.push(String(step.value))
        seen.push('end')
      } catch (error) {
        seen.push(error instanceof CallError ? error.code : String(error))
      }
    })()
    return seen
  }
  const pending = () => rig.transport.status().services[0]!.instances.map((instance) => instance.pending)
  return { ...rig, open, read, pending }
}

test('a stream is begun elsewhere until its first value has come, and never after', async () => {
  const { world, up, process, open, read, pending } = streamRig()
  up('a', 'b')
  process('a').behaviour = fails('UNAVAILABLE')
  const all = Array.from({ length: 6 }, () => read(open()))
  await world.advance(20)
  for (const seen of all) assert.deepEqual(seen, ['b 0', 'b 1', 'b 2', 'end'])
  assert.ok(process('a').received.length > 0)

  const alone = streamRig()
  alone.up('a')
  alone.process('a').script = [answers(), answers(), fails('UNAVAILABLE')]
  const broken = alone.read(alone.open())
  await alone.world.advance(20)
  assert.deepEqual(broken, ['a 0', 'a 1', 'UNAVAILABLE'])
  assert.equal(alone.process('a').received.length, 1)
  assert.deepEqual([...pending(), ...alone.pending()], [0, 0, 0])
})

test('a stream holds its place until it ends, is left, or nobody asks any more', async () => {
  const { world, up, open, read, pending, process } = streamRig({ concurrency: 1, queue: 5 })
  up('a')
  const first = open()
  assert.deepEqual(pending(), [0], 'nothing is begun before somebody asks')
  const value = first.next()
  await world.advance(2)
  assert.deepEqual(await value, { done: false, value: 'a 0' })
  const second = read(open())
  await world.advance(10)
  assert.deepEqual(second, [])
  await first.return!()
  await world.advance(10)
  assert.deepEqual(second, ['a 0', 'a 1', 'a 2', 'end'])
  assert.equal(process('a').inFlight, 0)

  const forgotten = open(200).next()
  await world.advance(2)
  assert.deepEqual((await forgotten).value, 'a 0')
  assert.deepEqual(pending(), [1])
  await world.advance(250)
  assert.deepEqual(pending(), [0])
})

test('a stream that waits for its place or its first value ends with its deadline and its caller', async () => {
  const { world, up, open, read, process, pending } = streamRig({ patience: 10_000 })
  const hurried = read(open(300))
  const caller = new Cancellation()
  const cancelled = read(open(5_000, caller))
  const left = open(5_000)
  const none = read(left)
  await world.advance(10)
  void left.return!()
  caller.cancel('caller')
  await world.advance(400)
  assert.deepEqual(hurried, ['UNAVAILABLE'])
  assert.deepEqual(cancelled, ['CANCELLED'])
  up('a')
  process('a').behaviour = frozen
  await world.advance(10)
  assert.deepEqual(none, ['end'])
  assert.equal(process('a').received.length, 0)
  const stalled = read(open(300))
  await world.advance(400)
  assert.deepEqual(stalled, ['DEADLINE_EXCEEDED'])
  assert.deepEqual(pending(), [0])
})

test('values asked for all at once come in order, from one stream', async () => {
  const { world, up, open, process } = streamRig()
  up('a')
  const stream = open()
  const steps = [stream.next(), stream.next(), stream.next(), stream.next()]
  await world.advance(20)
  assert.deepEqual(
    (await Promise.all(steps)).map(({ value }) => value as unknown),
    ['a 0', 'a 1', 'a 2', undefined],
  )
  assert.equal(process('a').received.length, 1)
})

test('a stream may be the probe: its first value brings the instance back', async () => {
  const { world, up, open, read, process, transport } = streamRig({ ejection: { failures: 1, first: 500 } })
  up('a', 'b')
  process('a').script = [fails('UNAVAILABLE')]
  while (process('a').received.length === 0) {
    read(open())
    await world.advance(10)
  }
  const health = () => transport.status().services[0]!.instances[0]!.health
  assert.equal(health(), 'out')
  await world.advance(600)
  // One that is left before anything came has told nothing.
  process('a').behaviour = frozen
  const left = open(10_000)
  void left.next().catch(() => {})
  await world.advance(10)
  assert.equal(health(), 'probing')
  process('a').behaviour = answers()
  void left.return!()
  await world.advance(10)
  const probe = open()
  void probe.next()
  await world.advance(10)
  assert.equal(health(), 'in')
})
