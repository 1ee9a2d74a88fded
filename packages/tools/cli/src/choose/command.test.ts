import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, SOURCES } from '../shell.test-support.ts'
import { COMPLEXITY, INDEPENDENCE, NEEDS, type Text } from './needs.ts'
import { STYLES } from './styles.ts'
import { guideOf } from './told.ts'

const HANGUL = /\p{Script=Hangul}/u

test('a choice is told with its reasons, costs, drawbacks and what would change it', async () => {
  const { code, out } = await dure(['choose', '--need', 'answer,browser', '--response-time', '50', '--lang', 'en'])
  assert.equal(code, 0)
  assert.match(out, /^REST over HTTP: the simplest/)
  for (const part of ['Why', 'What it costs', 'What speaks against it', 'Simpler, and not enough', 'What would change it'])
    assert.ok(out.includes(`\n${part}\n`), out)
  assert.match(out, /about 5 ms beside the handler’s own, and 50 ms are allowed/)
  assert.match(out, /2 ms are allowed → WebSocket/)
  for (const line of out.split('\n')) assert.ok(line.length <= 80, line)
})

test('the same in Korean, as the terminal says or as it is asked for', async () => {
  const asked = ['choose', '--need', 'tell', '--independence', 'time']
  const { out } = await dure(asked, { env: { LANG: 'ko_KR.UTF-8' } })
  assert.match(out, /^이벤트와 큐: /)
  assert.equal((await dure([...asked, '--lang', 'ko'])).out, out)
  assert.ok(!HANGUL.test((await dure(asked, { env: { LANG: 'en_US.UTF-8' } })).out))
})

test('several needs have a part each, and what contradicts itself is told with what comes nearest', async () => {
  const several = await dure(['choose', '--need', 'browser,wsdl', '--json'])
  const { kind, parts } = JSON.parse(several.out) as { kind: string; parts: readonly { need: string; style: string }[] }
  assert.deepEqual([kind, ...parts.map(({ need, style }) => `${need}: ${style}`)], ['several', 'browser: rest', 'wsdl: soap'])
  const { code, out } = await dure(['choose', '--independence', 'time', '--lang', 'en'])
  assert.equal(code, 0)
  assert.match(out, /^No style meets all that was asked/)
  assert.match(out.replaceAll(/\s+/g, ' '), /events and queues, mail: cannot do this: somebody asks, and waits/)
})

test('who says nothing where nobody can be asked is told what to say, and what is no level is refused', async () => {
  const nothing = await dure(['choose'])
  assert.equal(nothing.code, 2)
  assert.match(nothing.err, /nobody can be asked here; say it, as in "dure choose --need answer,browser"/)
  assert.equal((await dure(['choose', '--complexity', 'huge'])).code, 2)
  assert.equal((await dure(['choose', '--need', 'answer,telepathy'])).code, 2)
})

test('everything is said in both languages, and each style has a guide', () => {
  const texts: Text[] = [COMPLEXITY, INDEPENDENCE, NEEDS].flatMap((table) => Object.values<Text>(table))
  for (const { title, why, costs, against } of STYLES) texts.push(title, why, costs, against)
  for (const { en, ko } of texts) {
    assert.ok(en !== '' && !HANGUL.test(en), en)
    // Names of protocols are the same.
    assert.ok(HANGUL.test(ko) || ko === en || ko === 'HTTP/REST', ko)
  }
  const missing = STYLES.flatMap((style) => [guideOf(style, 'en'), guideOf(style, 'ko')]).filter(
    (path) => !existsSync(join(SOURCES, '../../../..', path)),
  )
  assert.deepEqual(missing, [])
})
