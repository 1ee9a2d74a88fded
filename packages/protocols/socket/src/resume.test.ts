import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import fc from 'fast-check'
import { house, type House, type Said, type Speaker } from './rooms.test-support.ts'
import { createSession, type Line } from './session.ts'

const call = (id: number, call: string, input?: unknown) => ({ type: 'call', id, call, input })

async function greeted(house: House, how: 'overWebSocket' | 'overTcp', more: object = {}): Promise<[Speaker, Said]> {
  const one = await house[how]()
  return [one, await one.ask({ type: 'hello', ...more })]
}

for (const how of ['overWebSocket', 'overTcp'] as const) {
  test(`a client that comes back gets what it has missed, and its calls go on (${how})`, async (t) => {
    const rooms = await house(t)
    const [first, { session }] = await greeted(rooms, how)
    first.say(call(1, 'rooms.talk', { name: 'Sori' }))
    assert.equal((await first.ask({ type: 'value', id: 1, value: { text: 'one' } })).value, 'Sori: one')
    first.say({ type: 'value', id: 1, value: { text: 'two' } })
    first.say(call(2, 'rooms.enter', { room: 'a' }))
    await rooms.until(() => rooms.seen.includes('enter a'))
    // It has got one message of those with an id, and is cut off.
    first.cut()
    await first.ended
    const [next, welcome] = await greeted(rooms, how, { session, received: 1 })
    assert.deepEqual(welcome, { type: 'welcome', session, resumed: true, received: 4, window: 65_536 })
    const missed = [await next.hear(), await next.hear()]
    assert.deepEqual(missed.map(({ value }) => value).sort(), [1, 'Sori: two'])
    assert.equal((await next.ask({ type: 'value', id: 1, value: { text: 'three' } })).value, 'Sori: three')
    assert.equal(rooms.seen.filter((one) => one === 'enter a').length, 1)
  })
}

test('who comes back elsewhere takes the session from a connection that nobody has ended', async (t) => {
  const rooms = await house(t)
  const [first, { session }] = await greeted(rooms, 'overTcp')
  first.say(call(1, 'rooms.hang'))
  await rooms.until(() => rooms.seen.includes('hang'))
  const [next, { resumed }] = await greeted(rooms, 'overWebSocket', { session, received: 0 })
  assert.equal(resumed, true)
  assert.equal((await first.hear()).code, 'ABORTED')
  await first.ended
  assert.ok(!rooms.seen.includes('hang ended'), 'what is under way goes on')
  assert.equal((await next.ask(call(2, 'rooms.enter', { room: 'a' }))).value, 1)
})

test('who comes back too late, or has missed too much, is told that it cannot', async (t) => {
  const rooms = await house(t, { door: { limits: { buffer: 1_000, resume: 60_000, sessions: 1 } } })
  const [first, { session }] = await greeted(rooms, 'overTcp')
  for (let id = 1; id <= 5; id++) await first.ask(call(id, 'rooms.big', { size: 900 }))
  first.say(call(6, 'rooms.hang'))
  await rooms.until(() => rooms.seen.includes('hang'))
  first.cut()
  const [next, welcome] = await greeted(rooms, 'overTcp', { session, received: 1 })
  assert.deepEqual([welcome.resumed, welcome.reason], [false, 'What came after that is not there any more'])
  assert.notEqual(welcome.session, session)
  await rooms.until(() => rooms.seen.includes('hang ended'))
  const [unknown] = [(await greeted(rooms, 'overTcp', { session, received: 5 }))[1]]
  assert.match(unknown.reason, /not known here/)
  // One session waits for its client at most.
  next.say(call(1, 'rooms.hang'))
  await rooms.until(() => rooms.seen.filter((one) => one === 'hang').length === 2)
  next.cut()
  const [other] = await greeted(rooms, 'overTcp')
  other.cut()
  await rooms.until(() => rooms.seen.filter((one) => one === 'hang ended').length === 2)
})

test('nobody goes on with the session of another, nor learns that there is one', async (t) => {
  const authenticate = ({ header }: { header: (name: string) => string | undefined }) => {
    const subject = header('authorization')
    if (subject === 'nobody') throw new CallError('UNAUTHENTICATED', 'Nobody is nobody')
    return subject === undefined ? undefined : ({ kind: 'user', subject, scopes: [], roles: [] } as never)
  }
  const rooms = await house(t, { security: { authenticate } })
  const hello = (authorization: string, more: object = {}) => ({ headers: { authorization }, ...more })
  const [first, { session }] = await greeted(rooms, 'overTcp', hello('ana'))
  const [, others] = await greeted(rooms, 'overTcp', hello('bob', { session }))
  assert.deepEqual([others.resumed, /not known here/.test(others.reason)], [false, true])
  assert.equal((await first.ask({ type: 'hello', ...hello('ana') })).resumed, true, 'newer credentials of the same')
  assert.equal((await first.ask({ type: 'hello', ...hello('bob') })).code, 'UNAUTHENTICATED')
  const [, back] = await greeted(rooms, 'overTcp', hello('ana', { session }))
  assert.equal(back.resumed, true)
})

test('a session loses nothing and doubles nothing, wherever connections break', () => {
  // What happens: a message is sent, the reader takes some of what has come, says what it has, or the connection breaks.
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), bytes: fc.nat(40) }),
    fc.record({ kind: fc.constant('take' as const), count: fc.nat(5) }),
    fc.constant({ kind: 'ack' as const }),
    fc.constant({ kind: 'break' as const }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let way: string[] = []
      const line: Line = { send: (text) => way.push(text), behind: () => 0, end: () => {} }
      const session = createSession({ ...{ id: 's', line, limits: { buffer: 100 } }, resumable: true, acks: true })
      const sent: string[] = []
      const got: string[] = []
      for (const one of steps) {
        if (one.kind === 'send' && session.room() === undefined) {
          sent.push(`${sent.length} ${'x'.repeat(one.bytes)}`)
          session.send(sent.at(-1)!)
        } else if (one.kind === 'take') got.push(...way.splice(0, one.count))
        else if (one.kind === 'ack') session.acked(got.length)
        else if (one.kind === 'break') {
          way = []
          session.detach()
          const next = { ...line, send: (text: string) => way.push(text) }
          const resumed = session.resume(next, got.length)
          assert.ok(resumed !== undefined, 'a sender that waits for room never loses what was not acknowledged')
          resumed.replay()
        }
      }
      assert.deepEqual([...got, ...way], sent)
    }),
    { numRuns: 300 },
  )
})
