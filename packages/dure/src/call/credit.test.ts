import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Receiver, Sender, type Window } from './credit.ts'

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Values of so many bytes each, over a line that delivers whenever it is told to. */
function line(sizes: readonly number[], window: Window, failure?: Error) {
  let made = 0
  let letGo = false
  const there: (() => void)[] = []
  const back: (() => void)[] = []
  const state = { taken: 0, held: 0, mostValues: 0, mostBytes: 0 }
  const total = (from: number, to: number): number => sizes.slice(from, to).reduce((sum, size) => sum + size, 0)
  const sender = new Sender({
    values: {
      async *[Symbol.asyncIterator]() {
        try {
          while (made < sizes.length) {
            // Before this one was begun, so much was ahead.
            state.mostValues = Math.max(state.mostValues, made + 1 - state.taken)
            state.mostBytes = Math.max(state.mostBytes, total(state.taken, made))
            yield made++
          }
          if (failure !== undefined) throw failure
        } finally {
          letGo = true
        }
      },
    },
    sink: {
      value: (value) => {
        const size = sizes[value as number]!
        there.push(() => assert.ok(receiver.push(value, size), 'it came unasked'))
        return size
      },
      end: () => void there.push(() => receiver.end()),
      fail: (error) => void there.push(() => receiver.end(error as Error)),
    },
    soon: (task) => void setImmediate(task),
  })
  const receiver = new Receiver({
    window,
    grant: (values, bytes) => void back.push(() => sender.grant(values, bytes)),
    onOver: (byConsumer) => {
      if (byConsumer) back.push(() => sender.stop())
    },
    onHold: (bytes) => void (state.held += bytes),
  })
  const deliver = (way: 'there' | 'back'): void => void (way === 'there' ? there : back).shift()?.()
  return { receiver, sender, state, deliver, made: () => made, over: () => letGo }
}

const windows = fc.record({ values: fc.integer({ min: 1, max: 8 }), bytes: fc.integer({ min: 1, max: 50 }) })
const steps = fc.array(fc.constantFrom('ask', 'there', 'back', 'turn'), { maxLength: 200 })

test('whatever the window and the moments: all values in order, and never more ahead than the window', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 40 }),
      windows,
      steps,
      fc.boolean(),
      async (sizes, window, script, fails) => {
        const failure = new Error('at the end')
        const { receiver, state, deliver } = line(sizes, window, fails ? failure : undefined)
        const got: unknown[] = []
        const take = ({ done = false, value }: IteratorResult<unknown>): void => {
          got.push(done ? 'end' : value)
          if (!done) state.taken++
        }
        const asked: Promise<void>[] = []
        const ask = (): void => void asked.push(receiver.next().then(take, (error: unknown) => void got.push(error)))
        for (const step of script) {
          if (step === 'ask') ask()
          else if (step !== 'turn') deliver(step)
          // Whoever is handed a value counts it.
          await turn()
        }
        while (!got.includes('end')) {
          if (got.length >= asked.length) ask()
          await turn()
          deliver('back')
          await turn()
          deliver('there')
          await turn()
        }
        const values = sizes.map((_, n) => n)
        assert.deepEqual(got.slice(0, values.length), values)
        assert.deepEqual(got[values.length], fails ? failure : 'end')
        assert.equal(state.held, 0)
        assert.ok(state.mostValues <= window.values, `${state.mostValues} values ahead`)
        assert.ok(state.mostBytes < window.bytes || state.mostBytes === 0, `${state.mostBytes} bytes ahead`)
      },
    ),
    { numRuns: 200 },
  )
})

test('nothing is made before the first is asked for; who has seen enough ends the producer', async () => {
  const { receiver, deliver, state, made, over } = line(
    Array.from({ length: 100 }, () => 1),
    { values: 4, bytes: 100 },
  )
  deliver('back')
  await turn()
  assert.equal(made(), 0)
  const first = receiver.next()
  deliver('back')
  await turn()
  for (let n = 0; n < 4; n++) deliver('there')
  assert.deepEqual(await first, { done: false, value: 0 })
  assert.deepEqual([made(), state.held], [4, 3])
  const returned = receiver.return()
  assert.equal(state.held, 0)
  assert.deepEqual(await receiver.next(), { done: true, value: undefined })
  deliver('back')
  await Promise.all([returned, turn()])
  assert.ok(over())
})

test('a failure of this side comes before what has come, one of the other after it', async () => {
  const own = new Error('own')
  const others = new Error('the other side')
  for (const [error, expected] of [
    [own, [0, own, 'end']],
    [others, [0, 1, others, 'end']],
  ] as const) {
    const { receiver, deliver } = line([1, 1], { values: 8, bytes: 100 })
    const got: unknown[] = []
    const next = async (): Promise<void> => {
      try {
        const { done = false, value } = await receiver.next()
        got.push(done ? 'end' : value)
      } catch (thrown) {
        got.push(thrown)
      }
    }
    const first = next()
    deliver('back')
    await turn()
    deliver('there')
    deliver('there')
    await first
    if (error === own) receiver.fail(error)
    else receiver.end(error)
    while (got.at(-1) !== 'end') await next()
    assert.deepEqual(got, expected)
  }
})

test('a value that was not asked for is not taken', () => {
  const granted: number[] = []
  const receiver = new Receiver({
    window: { values: 2, bytes: 10 },
    grant: (values) => void granted.push(values),
    onOver: () => {},
  })
  assert.equal(receiver.push('x', 1), false)
  void receiver.next()
  assert.deepEqual(granted, [2])
  assert.deepEqual([receiver.push('a', 20), receiver.push('b', 1)], [true, true])
})
