import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DoorClient, Reply } from '../workload/door.ts'
import { createWaits } from './waits.ts'

function rig() {
  const answers: ((reply: Reply) => void)[] = []
  const plain = { url: 'http://x', send: () => new Promise<Reply>((resolve) => answers.push(resolve)) } as unknown as DoorClient
  const waits = createWaits()
  return { door: waits.watch(plain), waits, answers }
}

test('what a failing process says is no answer; what a working one says is', async () => {
  const { door, waits, answers } = rig()
  waits.begin()
  const asked = [200, 404, 503, 504].map(() => door.send('GET', '/x'))
  for (const [i, status] of [200, 404, 503, 504].entries()) answers[i]!({ kind: 'answer', status, text: 'said' })
  const kinds = (await Promise.all(asked)).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['answer', 'answer', 'unknown', 'unknown'])
  const { requests, failed } = waits.end()
  assert.deepEqual({ requests, failed }, { requests: 4, failed: 2 })
})

test('a request that is still under way counts with what it took so far', async () => {
  const { door, waits, answers } = rig()
  waits.begin()
  const asked = door.send('GET', '/x')
  while (waits.end().longest < 5) await new Promise((resolve) => void setTimeout(resolve, 1))
  waits.begin()
  assert.equal(waits.end().requests, 0)
  answers[0]!({ kind: 'refused', error: new Error('gone') })
  await asked
  assert.equal(waits.end().failed, 1)
})
