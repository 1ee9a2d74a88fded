import assert from 'node:assert/strict'
import { test } from 'node:test'
import { livePolicies } from '../call.ts'
import { remoteChanges } from '../internal.ts'
import { fails, remoteRig } from './remote.test-support.ts'

test('attempts, budget and ejection change with the next call, of one service or of one operation', async () => {
  const live = livePolicies()
  const { world, call, up, process, transport } = remoteRig(
    { backoff: { first: 1, max: 1 }, ejection: { failures: 1_000 } },
    remoteChanges(live),
  )
  up('a', 'b')
  for (const name of ['a', 'b']) process(name).behaviour = fails('UNAVAILABLE')
  const tried = async (): Promise<number> => {
    const before = process('a').received.length + process('b').received.length
    call()
    await world.advance(50)
    return process('a').received.length + process('b').received.length - before
  }
  assert.equal(await tried(), 4)
  live.set({ orders: { remote: { attempts: 2 } } })
  assert.equal(await tried(), 2)
  live.set({ orders: { remote: { attempts: 2 } }, 'orders.find': { remote: { attempts: 3 } } })
  assert.equal(await tried(), 3)
  live.set({ '*': { remote: { budget: { ratio: 0, minimumPerSecond: 0 } } } })
  assert.equal(await tried(), 1, 'a budget of nothing')
  live.set({ '*': { remote: { ejection: { failures: 1, share: 1 } } } })
  await tried()
  await tried()
  assert.ok(transport.status().services[0]!.ejections > 0)
})

test('what makes no sense is refused, at once and in words, and the old one goes on', async () => {
  const live = livePolicies({ orders: { remote: { attempts: 2 } } })
  const { world, call, up, process } = remoteRig({ backoff: { first: 1, max: 1 } }, remoteChanges(live))
  up('a')
  process('a').behaviour = fails('UNAVAILABLE')
  for (const [remote, words] of [
    [{ attempts: 0 }, /"attempts" is 0/],
    [{ budget: { ratio: -1 } }, /"ratio" is -1/],
    [{ ejection: { share: 2 } }, /"share" is 2/],
    [{ backoff: { first: -1, max: 1 } }, /"first" is -1/],
  ] as const)
    assert.throws(() => live.set({ orders: { remote } }), { name: 'TypeError', message: words })
  assert.throws(() => remoteRig({ budget: { ratio: -1 } }), /"ratio" is -1/, 'also what is given at the start')
  call()
  await world.advance(50)
  assert.equal(process('a').received.length, 2)
})
