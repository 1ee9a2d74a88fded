import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, startHere, temporary } from './shell.test-support.ts'

test('levels are changed and processes looked into by name, and what cannot be is said', { timeout: 300_000 }, async (t) => {
  const data = temporary()
  const running = await startHere('desk.test-support.ts', '--data', data)
  t.after(() => running.stop())
  const say = (...words: string[]): ReturnType<typeof dure> => dure([...words, '--data', data])

  assert.match((await say('log', 'level')).out, /desk +info/)
  assert.match((await say('log', 'level', 'desk', 'debug', '--for', '10m')).out, /desk +debug +info again at /)
  const { levels } = JSON.parse((await say('log', 'level', '--json')).out) as { levels: { copy: string; level: string }[] }
  assert.deepEqual(
    levels.map(({ copy, level }) => `${copy} ${level}`),
    ['desk debug', 'shop info'],
  )
  const wrong = [
    [['log', 'level', 'desk'], 2, /say from which level on/],
    [['log', 'level', 'desk', 'loud'], 2, /"loud" is not a level/],
    [['log', 'level', 'desk', 'debug', '--for', '3d'], 2, /not a time of up to a day/],
    [['log', 'level', 'nobody', 'debug'], 1, /nothing of that name runs; there are desk, shop/],
    [['profile', 'desk', '--seconds', '61'], 2, /from 1 to 60/],
    [['profile', 'desk', '--heap', '--stalls'], 2, /at once/],
  ] as const
  for (const [words, code, said] of wrong) {
    const { code: ended, err } = await say(...words)
    assert.deepEqual([ended, said.test(err)], [code, true], err)
  }

  for (const [kind, flags] of [
    ['cpu', []],
    ['heap', ['--heap']],
  ] as const) {
    const out = join(data, `slow.${kind}profile`)
    assert.match(
      (await say('profile', 'desk', '--seconds', '1', '--out', out, ...flags)).out,
      /^Wrote .*Chrome's developer tools/,
    )
    assert.ok(existsSync(out))
    assert.ok((JSON.parse(readFileSync(out, 'utf8')) as { samples: unknown[] }).samples.length >= 0)
  }
  const stalls = await say('profile', 'desk', '--stalls', '--seconds', '1', '--threshold', '60000')
  assert.match(stalls.out, /Nothing kept the event loop of desk for that long/)
})
