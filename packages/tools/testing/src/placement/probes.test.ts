import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broken } from './broken.test-support.ts'
import { placements } from './placement.ts'
import { probeAll } from './probe-runner.test-support.ts'

test('what no contract decides is the same in every placement: isolation, errors, deadlines, scopes, order, streams, events', async () => {
  const { unix, tcp, process, split, threads } = placements
  const { asked, findings } = await probeAll([unix, tcp, process, split, threads], 7)
  assert.ok(asked > 80)
  assert.deepEqual(findings, [])
})

test('a placement that hears no signal and tells another deadline is found', async () => {
  const deaf = broken((route) => ({
    ...route,
    call: (input, context) => route.call(input, { ...context, cancellation: undefined, deadline: context.sentAt + 300 }),
  }))
  const { findings } = await probeAll([deaf], 1)
  const found = findings.map(({ probe }) => probe)
  for (const probe of ['a signal that fires during the call', 'what a handler knows of its call'])
    assert.ok(found.includes(probe), `${probe}: not found among ${found.join(', ')}`)
})
