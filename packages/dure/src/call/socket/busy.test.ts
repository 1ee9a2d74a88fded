import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { connect, echo, listen } from './rig.test-support.ts'

test(
  'more than fits into the buffers of both sides comes through: they do not wait for each other',
  { timeout: 30_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'dure-busy-'))
    // A Unix socket, because the system holds little for it.
    const listener = await listen({ address: { kind: 'unix', path: join(directory, 's') }, limits: { outgoing: 100_000 } })
    const peer = connect(listener.address, { limits: { outgoing: 1_000_000 } })
    await echo(peer, 'before')
    const first = { text: 'a'.repeat(900_000) }
    const second = { text: 'b'.repeat(5_000_000) }
    // Both are on their way: the first answer finds the caller still writing, and the callee not reading.
    const answers = [echo(peer, first), echo(peer, second)]
    await assert.rejects(
      echo(peer, 'too much waits'),
      (error) => error instanceof CallError && error.code === 'RESOURCE_EXHAUSTED',
    )
    assert.deepEqual(await Promise.all(answers), [first, second])
    assert.equal(await echo(peer, 'after'), 'after')
    await peer.stop()
    await listener.stop()
    await rm(directory, { recursive: true, force: true })
  },
)
