import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Principal } from '../../contract/contract.ts'
import { copyPrincipal, isOwnPrincipal } from '../../contract/internal.ts'
import type { CallContext } from '../context.ts'
import { FrameReader, FrameWriter } from './frames.ts'
import { ReceivedPrincipals, SentPrincipals } from './principals.ts'
import { connect, contextFor, listen } from './rig.test-support.ts'

const user = (n: number): Principal => ({ subject: `user ${n}`, kind: 'user', scopes: ['a:b'], roles: [] })

/** Both ends of a connection, without one: what is told is read at once. */
function ends() {
  const [sent, received, writer] = [new SentPrincipals(), new ReceivedPrincipals(true), new FrameWriter()]
  let [told, held] = [0, 0]
  const reader = new FrameReader({
    limit: 1_000_000,
    onFrame: (_type, id, bytes, start, end) => {
      told++
      held += received.add(id, bytes, start, end)
    },
  })
  const carry = (principal: Principal): Principal | undefined => {
    const place = sent.place(principal, writer, 1_000_000)
    reader.push(Buffer.from(writer.take()))
    return received.at(place)
  }
  return { carry, count: () => ({ told, held }) }
}

test('a principal is told once, however many calls are made for it, as one value or as many alike', () => {
  const { carry, count } = ends()
  const ana = copyPrincipal(user(1))
  const first = carry(ana)
  assert.deepEqual(first, ana)
  assert.ok(isOwnPrincipal(first!))
  for (let n = 0; n < 100; n++) assert.equal(carry(n % 2 === 0 ? ana : user(1)), first)
  assert.equal(count().told, 1)
})

test('ten thousand of them take up no more than the last few, and each call is on behalf of the right one', () => {
  const { carry, count } = ends()
  let most = 0
  for (let n = 0; n < 10_000; n++) {
    assert.deepEqual(carry(user(n)), user(n))
    if (n === 300) most = count().held
  }
  assert.ok(count().held < most * 1.1, `${count().held} bytes are held, after ${most}`)
  assert.equal(count().told, 10_000)
})

test('who comes again after its place was given away is told of again', () => {
  const people = Array.from({ length: 300 }, (_, n) => (n % 2 === 0 ? copyPrincipal(user(n)) : user(n)))
  const { carry } = ends()
  for (let round = 0; round < 3; round++) for (const one of people) assert.deepEqual(carry(one), one)
  for (const one of people.toReversed()) assert.deepEqual(carry(one), one)
})

test('whoever is called for, in whatever order: the callee hears the same', () => {
  const one = fc.record({
    subject: fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    kind: fc.constantFrom<Principal['kind']>('user', 'client', 'service'),
    scopes: fc.array(fc.constantFrom('a:b', 'c'), { maxLength: 2 }),
    roles: fc.array(fc.constantFrom('한', 'r'), { maxLength: 2 }),
    client: fc.option(fc.constantFrom('app'), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(one, fc.boolean()), { maxLength: 400 }), (calls) => {
      const { carry } = ends()
      for (const [principal, own] of calls)
        assert.deepEqual(carry(own ? copyPrincipal(principal) : principal), copyPrincipal(principal))
    }),
    { numRuns: 50 },
  )
})

test('a principal that is changed between two calls is another; one too long for a frame is refused, and calls go on', async () => {
  const heard: unknown[] = []
  const call = async (_: unknown, { principal }: CallContext): Promise<void> => void heard.push(principal)
  const listener = await listen({ transport: { route: () => ({ call, stream: () => assert.fail() }) }, trusted: true })
  const peer = connect(listener.address)
  const ask = (principal: Principal) =>
    peer.route({ service: 'rig', operation: 'who' }).call(undefined, { ...contextFor(), principal })
  const changing = { ...user(1), scopes: ['few'] }
  await ask(changing)
  changing.scopes.push('more')
  await ask(changing)
  await assert.rejects(ask({ ...user(2), scopes: Array.from({ length: 8_000 }, () => '\u0001') }), { code: 'INVALID_ARGUMENT' })
  await ask(user(3))
  assert.deepEqual(heard, [{ ...user(1), scopes: ['few'] }, { ...user(1), scopes: ['few', 'more'] }, user(3)])
  await peer.stop()
  await listener.stop()
})
