import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { Outflow } from './outflow.ts'
import type { Connection } from './sockets.ts'
import { createTurn } from './turn.ts'

/** A connection that tells of each write, and takes it at once or when it is told to. */
function connection({ atOnce = true }: { readonly atOnce?: boolean } = {}) {
  const writes: Buffer[] = []
  const held: (() => void)[] = []
  const duplex = new Duplex({
    decodeStrings: false,
    read: () => {},
    write: (data: Buffer | string, encoding, taken) => {
      // Whoever has not taken bytes yet finds there what is there by then.
      const take = (): void => {
        writes.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data))
        taken()
      }
      if (atOnce) take()
      else held.push(take)
    },
  })
  const socket = Object.assign(duplex, {
    remoteAddress: '127.0.0.1',
    localPort: 1,
    destroySoon: () => void duplex.end(() => duplex.destroy()),
  })
  const text = (): string => Buffer.concat(writes).toString('latin1')
  return { socket: socket as Connection, writes, text, takeAll: () => held.splice(0).forEach((take) => take()) }
}

/** A turn that ends when it is told to. */
function turns() {
  const tasks: (() => void)[] = []
  return { turn: createTurn((task) => void tasks.push(task)), end: () => tasks.splice(0).forEach((task) => task()) }
}

test('what is written in one turn goes out in one write, at its end', () => {
  const { turn, end } = turns()
  const [one, other] = [connection(), connection()]
  const [first, second] = [one, other].map(({ socket }) => new Outflow(socket, turn, () => {}))
  first!.write('a')
  second!.write('b')
  first!.write(Buffer.from('c'))
  first!.copy(Buffer.from('--d--'), [2, 3], '<', '>')
  assert.deepEqual([one.writes.length, other.writes.length], [0, 0])
  end()
  assert.deepEqual([one.writes.length, other.writes.length], [1, 1])
  first!.write('e')
  end()
  assert.deepEqual([one.text(), other.text(), one.writes.length], ['ac<d>e', 'b', 2])
})

test('what ends a connection comes after what was written', () => {
  for (const how of ['end', 'destroySoon', 'destroy'] as const) {
    const { turn, end } = turns()
    const { socket, text } = connection()
    const outflow = new Outflow(socket, turn, () => {})
    outflow.write('the last words')
    outflow[how]()
    assert.equal(text(), 'the last words', how)
    end()
    assert.equal(text(), 'the last words', how)
  }
})

test('whoever does not take what is written has others wait, and is written nothing else instead of it', () => {
  const { turn, end } = turns()
  const { socket, text, takeAll } = connection({ atOnce: false })
  let drained = 0
  const outflow = new Outflow(socket, turn, () => drained++)
  const read = Buffer.alloc(40_000)
  let expected = ''
  for (const letter of ['a', 'b', 'c']) {
    read.fill(letter)
    expected += letter.repeat(read.length)
    const full = outflow.copy(read, [0, read.length])
    assert.equal(full, letter === 'c', letter)
    end()
  }
  assert.equal(outflow.full(), true)
  assert.equal(drained, 0)
  takeAll()
  assert.deepEqual([outflow.full(), drained, text() === expected], [false, 1, true])
})

test('bytes arrive in their order, however they are written, taken and put together', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constantFrom('text', 'bytes', 'copy'),
      of: fc.nat(1),
      size: fc.constantFrom(1, 300, 5_000, 50_000, 140_000),
    }),
    fc.record({ kind: fc.constant('turn'), of: fc.nat(1), size: fc.constant(0) }),
    fc.record({ kind: fc.constant('take'), of: fc.nat(1), size: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), fc.boolean(), (steps, atOnce, plainly) => {
      const { turn, end } = turns()
      const all = [connection({ atOnce }), connection({ atOnce: !atOnce })]
      const outflows = all.map(({ socket }) => new Outflow(socket, turn, () => {}, plainly))
      const expected = ['', '']
      const read = Buffer.alloc(140_000)
      for (const [i, { kind, of, size }] of steps.entries()) {
        if (kind === 'turn') end()
        else if (kind === 'take') all[of]!.takeAll()
        else {
          const character = String.fromCharCode(97 + (i % 26))
          read.fill(character)
          expected[of] += character.repeat(size)
          if (kind === 'text') outflows[of]!.write(character.repeat(size))
          else if (kind === 'bytes') outflows[of]!.write(Buffer.alloc(size, character))
          else outflows[of]!.copy(read, [0, size])
          read.fill('!')
        }
      }
      for (let i = 0; i < 100; i++) {
        end()
        for (const { takeAll } of all) takeAll()
      }
      for (const [i, { text }] of all.entries()) assert.equal(text() === expected[i], true)
    }),
    { numRuns: 100 },
  )
})
