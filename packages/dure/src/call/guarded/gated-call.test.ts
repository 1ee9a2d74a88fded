import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract } from '../../contract/contract.ts'
import { virtualRuntime, type VirtualRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { livePolicies, type CallPolicy } from '../call.ts'
import { clientFactory, createGuards, type Route } from '../internal.ts'
import type { Settle } from '../transport.ts'
import type { CallReading } from './guards.ts'

const Printer = contract('printer', {
  version: '1.0.0',
  owner: 'tests',
  operations: { print: command({ input: z.unknown(), output: z.unknown(), deadline: 5_000 }) },
})

/** Calls of one operation by a route of the test's own, and how they stand. */
function guardedBy(policy: CallPolicy, route: Partial<Route>) {
  const world: VirtualRuntime = virtualRuntime()
  const guards = createGuards({ source: livePolicies({ printer: policy }), runtime: world, log: silentLogger() })
  const transport = guards.around({ route: () => route as Route }, 'tester')
  const { print } = clientFactory({ contract: Printer, transport, runtime: world })({ service: 'tester' })
  const reading = (): CallReading => guards.readings()[0]!
  const counted = (): object => Object.fromEntries(Object.entries(reading().ever).filter(([, count]) => count > 0))
  return { world, print, reading, counted, stop: guards.stop }
}

const failure = new CallError('UNAVAILABLE', 'It is not there')
const ways: Readonly<Record<string, { readonly ok: Partial<Route>; readonly no: Partial<Route> }>> = {
  'a promise': { ok: { call: async () => 'printed' }, no: { call: () => Promise.reject(failure) } },
  'nobody has to wait for': {
    ok: { start: (_input, _context, to) => to.resolve('printed') },
    no: { start: (_input, _context, to) => to.reject(failure) },
  },
  'what comes later': {
    ok: { start: (_input, _context, to) => queueMicrotask(() => to.resolve('printed')) },
    no: { start: (_input, _context, to) => queueMicrotask(() => to.reject(failure)) },
  },
  'an exception': {
    ok: { call: async () => 'printed' },
    no: {
      start: () => {
        throw failure
      },
    },
  },
}
for (const [name, { ok, no }] of Object.entries(ways)) {
  test(`gates hear once of a call that ends by ${name}, and its place is free again`, async () => {
    const policy: CallPolicy = { breaker: { minimumCalls: 2 }, bulkhead: { concurrency: 1 } }
    const well = guardedBy(policy, ok)
    for (let i = 0; i < 3; i++) assert.equal(await well.print('page'), 'printed')
    assert.deepEqual([well.counted(), well.reading().breaker?.answered, well.reading().underWay], [{ callee: 3 }, 3, 0])
    const ill = guardedBy(policy, no)
    for (let i = 0; i < 2; i++) await assert.rejects(ill.print('page'), failure)
    assert.equal(ill.reading().breaker?.now.state, 'OPEN')
    await assert.rejects(ill.print('page'), { code: 'UNAVAILABLE', message: /its breaker is open/ })
    assert.deepEqual([ill.counted(), ill.reading().breaker?.failed, ill.reading().underWay], [{ failed: 2, breaker: 1 }, 2, 0])
    well.stop()
    ill.stop()
  })
}

test('a place that is waited for is not the time of the callee, and who waits too long has been refused', async () => {
  const started: Settle[] = []
  const policy: CallPolicy = { breaker: { slowCall: 1_000 }, bulkhead: { concurrency: 1, queue: 1 } }
  const { world, print, reading, counted, stop } = guardedBy(policy, { start: (_input, _context, to) => void started.push(to) })
  const first = print('first')
  const second = print('second')
  await assert.rejects(print('third'), { code: 'RESOURCE_EXHAUSTED' })
  await world.advance(900)
  assert.equal(started.length, 1)
  started[0]!.resolve('printed')
  assert.equal(await first, 'printed')
  await world.advance(900)
  started[1]!.resolve('printed')
  assert.equal(await second, 'printed')
  assert.deepEqual([counted(), reading().breaker?.slow, reading().underWay], [{ callee: 2, bulkhead: 1 }, 0, 0])
  assert.deepEqual(reading().durations, [0, 900, 1_800])
  const fourth = print('fourth')
  const late = assert.rejects(print('fifth', { timeout: 200 }), { code: 'DEADLINE_EXCEEDED' })
  await world.advance(250)
  await late
  assert.equal(started.length, 3, 'it was not made')
  started[2]!.resolve('printed')
  await fourth
  assert.deepEqual([reading().breaker?.failed, reading().underWay], [0, 0])
  stop()
})

test('a missed deadline speaks against the callee only where there was some time', async () => {
  const late = new CallError('DEADLINE_EXCEEDED', 'It is late')
  const { print, reading, stop } = guardedBy(
    { breaker: {} },
    { call: () => Promise.reject(new CallError(late.code, late.message)) },
  )
  await assert.rejects(print('page', { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' })
  assert.equal(reading().breaker?.failed, 0)
  await assert.rejects(print('page', { timeout: 500 }), { code: 'DEADLINE_EXCEEDED' })
  assert.equal(reading().breaker?.failed, 1)
  stop()
})

test('what ends by its caller leaves its place when the call has ended', async () => {
  const started: Settle[] = []
  const policy: CallPolicy = { breaker: {}, limit: { limit: 1 } }
  const { print, reading, stop } = guardedBy(policy, { start: (_input, _context, to) => void started.push(to) })
  const given = assert.rejects(print('page'), { code: 'CANCELLED' })
  started[0]!.reject(new CallError('CANCELLED', 'Given up'))
  await given
  assert.deepEqual([reading().breaker?.failed, reading().breaker?.answered, reading().underWay], [0, 0, 0])
  const next = print('page')
  started[1]!.resolve('printed')
  assert.equal(await next, 'printed')
  stop()
})
