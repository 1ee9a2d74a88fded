import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGate } from './gate.ts'

test('many are inside at once, one alone waits for them and they for it, and nobody is overtaken', async () => {
  const gate = createGate()
  const seen: string[] = []
  const enter = async (name: string, alone: boolean): Promise<() => void> => {
    const leave = await gate.enter(alone)
    seen.push(name)
    return leave
  }
  const [a, b] = await Promise.all([enter('a', false), enter('b', false)])
  const alone = enter('alone', true)
  const after = [enter('c', false), enter('d', false)]
  const next = enter('alone too', true)
  a()
  a()
  await Promise.resolve()
  assert.deepEqual(seen, ['a', 'b'])
  b()
  const out = await alone
  assert.deepEqual(seen, ['a', 'b', 'alone'])
  out()
  const [c, d] = await Promise.all(after)
  assert.deepEqual(seen, ['a', 'b', 'alone', 'c', 'd'])
  c!()
  d!()
  ;(await next)()
  ;(await enter('e', false))()
  assert.equal(seen.at(-1), 'e')
})
