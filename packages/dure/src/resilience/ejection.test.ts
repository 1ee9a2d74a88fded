import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom, virtualRuntime } from '../runtime/runtime.ts'
import { createEjection, type EjectionPolicy, type HostHealth, type HealthChange } from './resilience.ts'

function rig(peers: number, policy: Partial<EjectionPolicy> = {}) {
  const world = virtualRuntime()
  const ejection = createEjection({ clock: world.clock, random: { ...world.random, number: () => 0 }, policy })
  const changes: string[] = []
  const hosts = Array.from({ length: peers }, (_, peer) =>
    ejection.join((change: HealthChange) => changes.push(`${peer} ${change}`)),
  )
  return { world, ejection, hosts: hosts as [HostHealth, HostHealth, ...HostHealth[]], changes }
}
const times = (count: number, act: () => void): void => {
  for (let i = 0; i < count; i++) act()
}

test('failures in a row eject, a success in between does not', () => {
  const { hosts, changes } = rig(2, { failures: 3 })
  const [peer] = hosts
  times(2, peer.failed)
  peer.succeeded()
  times(2, peer.failed)
  assert.equal(peer.state(), 'in')
  peer.failed()
  assert.equal(peer.state(), 'out')
  assert.deepEqual(changes, ['0 ejected'])
})

test('one stall ejects a peer that was silent meanwhile', () => {
  const { hosts } = rig(2, { stalls: 3 })
  const [peer] = hosts
  peer.stalled(false)
  assert.equal(peer.state(), 'in')
  peer.stalled(true)
  assert.equal(peer.state(), 'out')
})

test('stalls eject sooner than failures', () => {
  const { hosts } = rig(2, { failures: 5, stalls: 2 })
  const [peer] = hosts
  peer.stalled()
  assert.equal(peer.state(), 'in')
  peer.stalled()
  assert.equal(peer.state(), 'out')
})

test('after its time one probe is let through, and it alone decides', async () => {
  const { world, hosts, ejection, changes } = rig(2, { failures: 1, first: 1_000 })
  const [peer] = hosts
  peer.failed()
  assert.equal(ejection.nextProbe(), 1_000)
  await world.advance(999)
  assert.equal(peer.probe(), false, 'too early')
  await world.advance(1)
  assert.equal(peer.probe(), true)
  assert.equal(peer.probe(), false, 'one at a time')
  assert.equal(ejection.nextProbe(), Number.POSITIVE_INFINITY)
  // News of calls sent before the ejection.
  peer.succeeded()
  peer.failed()
  assert.equal(peer.state(), 'probing')
  peer.probed('answered')
  assert.equal(peer.state(), 'in')
  assert.equal(ejection.out(), 0)
  assert.deepEqual(changes, ['0 ejected', '0 returned'])
})

test('every relapse keeps it out twice as long, up to the longest; a long time of being well starts anew', async () => {
  const { world, hosts } = rig(2, { failures: 1, first: 1_000, max: 5_000 })
  const [peer] = hosts
  peer.failed()
  for (const length of [1_000, 2_000, 4_000, 5_000, 5_000]) {
    assert.equal(peer.nextProbe() - world.clock.monotonic(), length)
    await world.advance(length)
    assert.equal(peer.probe(), true)
    peer.probed('failed')
    assert.equal(peer.state(), 'out')
  }
  await world.advance(5_000)
  assert.equal(peer.probe(), true)
  peer.probed('answered')
  await world.advance(4_999)
  peer.failed()
  assert.equal(peer.nextProbe() - world.clock.monotonic(), 5_000, 'not forgotten yet')
  await world.advance(5_000)
  assert.equal(peer.probe(), true)
  peer.probed('answered')
  await world.advance(5_000)
  peer.failed()
  assert.equal(peer.nextProbe() - world.clock.monotonic(), 1_000)
})

test('a probe that was given up leaves the probe to the next caller', async () => {
  const { world, hosts } = rig(2, { failures: 1 })
  const [peer] = hosts
  peer.failed()
  await world.advance(1_000)
  assert.equal(peer.probe(), true)
  peer.probed('unknown')
  assert.equal(peer.state(), 'out')
  assert.equal(peer.probe(), true)
})

test('never more than the share is out: one alone stays, and those who leave let others return early', () => {
  const alone = rig(1, { failures: 1 })
  times(20, alone.hosts[0].failed)
  assert.equal(alone.hosts[0].state(), 'in')

  const { hosts, ejection, changes } = rig(4, { failures: 1, share: 0.5 })
  for (const peer of hosts) peer.failed()
  assert.equal(ejection.out(), 2)
  ejection.leave(hosts[2]!)
  assert.equal(ejection.out(), 1)
  assert.equal(hosts[0].state(), 'in')
  assert.equal(hosts[1].state(), 'out')
  ejection.leave(hosts[2]!)
  ejection.leave(hosts[3]!)
  assert.equal(ejection.out(), 1)
  ejection.leave(hosts[1])
  assert.equal(ejection.out(), 0)
  hosts[1].failed()
  assert.equal(ejection.out(), 0, 'who has left is judged no more')
  assert.deepEqual(changes, ['0 ejected', '1 ejected', '0 returned'])
})

test('whatever happens: the share holds, one probe at a time, nobody stays out who answers his probe', () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('failed', 'stalled', 'succeeded'), peer: fc.nat(7) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('probe'), peer: fc.nat(7) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('join', 'leave'), peer: fc.nat(7) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), peer: fc.nat(3_000) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('answered', 'probe-failed', 'unknown'), peer: fc.nat(7) }),
    },
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), fc.constantFrom(0.3, 0.5, 1), fc.integer(), (actions, share, seed) => {
      let now = 0
      const clock = { now: () => now, monotonic: () => now }
      const ejection = createEjection({
        clock,
        random: seededRandom(seed),
        policy: { failures: 2, stalls: 1, share, max: 4_000 },
      })
      const inside: HostHealth[] = [ejection.join(), ejection.join(), ejection.join(), ejection.join()]
      for (const { kind, peer } of actions) {
        const one = inside[peer % Math.max(1, inside.length)]
        if (kind === 'wait') now += peer
        else if (kind === 'join') inside.push(ejection.join())
        else if (one === undefined) continue
        else if (kind === 'leave') {
          ejection.leave(one)
          inside.splice(inside.indexOf(one), 1)
        } else if (kind === 'probe') {
          const due = one.state() === 'out' && one.nextProbe() <= now
          assert.equal(one.probe(), due)
          if (due) assert.equal(one.probe(), false)
        } else if (kind === 'answered' || kind === 'probe-failed' || kind === 'unknown') {
          const probing = one.state() === 'probing'
          one.probed(kind === 'probe-failed' ? 'failed' : kind)
          if (probing) assert.equal(one.state(), kind === 'answered' ? 'in' : 'out')
        } else one[kind as 'failed' | 'stalled' | 'succeeded']()

        const out = inside.filter((health) => health.state() !== 'in')
        assert.equal(ejection.out(), out.length)
        assert.ok(out.length <= Math.floor(inside.length * share + 1e-9))
        const dues = out.filter((health) => health.state() === 'out').map((health) => health.nextProbe())
        assert.equal(ejection.nextProbe(), Math.min(...dues))
        for (const due of dues) assert.ok(due <= now + 4_000 * 1.1)
      }
    }),
  )
})
