import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, echo, listen } from './rig.test-support.ts'

test(
  'more than fits into the buffers of both sides at once comes through, and nobody waits for the other for ever',
  { timeout: 60_000 },
  async () => {
    const listener = await listen({ limits: { outgoing: 200_000 } })
    const peer = connect(listener.address, { limits: { outgoing: 40_000_000 } })
    // Each call and each answer fills what the other side may hold back.
    const text = 'x'.repeat(300_000)
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => echo(peer, { n, text }).catch((error: unknown) => error)),
    )
    const refused = answers.filter((answer) => answer instanceof Error)
    for (const error of refused) assert.equal((error as { code?: string }).code, 'RESOURCE_EXHAUSTED')
    answers.forEach((answer, n) => {
      if (!(answer instanceof Error)) assert.deepEqual(answer, { n, text })
    })
    assert.ok(refused.length < 100)
    assert.equal(await echo(peer, 'after'), 'after')
    await peer.stop()
    await listener.stop()
  },
)
