import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConcurrencyLimit } from './concurrency-limit.ts'

test('many are inside at once, one alone waits for them and they for it, and nobody is overtaken', async () => {
  const concurrency = createConcurrencyLimit(8)
  const seen: string[] = []
  const enter = async (name: string, alone: boolean): Promise<() => void> => {
    const leave = await concurrency.enter(alone)
    seen.push(name)
    return () => leave(false)
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

test('the more they cross the fewer are inside, and more again when they do not', async () => {
  const concurrency = createConcurrencyLimit(4)
  for (let i = 0; i < 20; i++) (await concurrency.enter(false))(true)
  assert.equal(concurrency.width(), 1)
  const first = await concurrency.enter(false)
  let second = false
  const waiting = concurrency.enter(false).then((leave) => {
    second = true
    return leave
  })
  await Promise.resolve()
  assert.equal(second, false)
  first(false)
  ;(await waiting)(false)
  for (let i = 0; i < 200; i++) (await concurrency.enter(false))(false)
  assert.equal(concurrency.width(), 4)
})
