import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../contract/contract.ts'
import type { Act } from '../telemetry/telemetry.ts'
import { NOW, pair, testIssuer, testRuntime } from './issuer.test-support.ts'
import { newApiKey, security } from './security.ts'

const ours = await pair('one')
const from = (headers: Readonly<Record<string, string>>) => ({ header: (name: string) => headers[name] })

/** What an audit log is told; `fails`: it is away. */
function logOf() {
  const lines: Act[] = []
  const state = { fails: false }
  const record = async (act: Act): Promise<void> => {
    if (state.fails) throw new CallError('UNAVAILABLE', 'It is away')
    lines.push(act)
  }
  return { lines, record, state }
}

test('a flood of refusals is a line at the first, and one a minute for each reason', async (t) => {
  const issuer = await testIssuer(t, ours)
  const runtime = testRuntime()
  const { lines, record } = logOf()
  const access = security({ issuers: [{ issuer: issuer.url }], audience: 'shop', runtime, record })
  const old = await issuer.token(ours, { exp: NOW - 60 })
  const refused = (token: string) =>
    assert.rejects(access.authenticate(from({ authorization: `Bearer ${token}` })), { code: 'UNAUTHENTICATED' })
  for (let i = 0; i < 2_000; i++) await refused(`${i}`)
  for (let i = 0; i < 3; i++) await assert.rejects(async () => access.verify(old), { code: 'UNAUTHENTICATED' })
  await refused(old)
  const told = () => lines.map(({ about }) => [about!['reason'], about!['count']])
  await runtime.advance(1)
  assert.deepEqual(told(), [
    ['malformed', 1],
    ['expired', 1],
  ])
  await runtime.advance(60_000)
  assert.deepEqual(told().slice(2), [
    ['malformed', 1_999],
    ['expired', 3],
  ])
  // Then nobody came: the next one is told at once.
  await runtime.advance(120_000)
  assert.equal(lines.length, 4)
  await refused('again')
  await runtime.advance(1)
  assert.deepEqual(told().slice(4), [['malformed', 1]])
  assert.ok(
    lines.every(
      ({ action, actor, subject, outcome }) =>
        `${action} ${actor} ${subject} ${outcome}` === 'access.refused unknown token refused',
    ),
  )
})

test('a key is told when it first comes, who it is and not what it is; a log that is away keeps nobody out', async () => {
  const runtime = testRuntime()
  const { lines, record, state } = logOf()
  const { key, digest } = newApiKey()
  const access = security({ apiKeys: [{ subject: 'app', digest, scopes: [] }], runtime, record })
  state.fails = true
  for (let i = 0; i < 3; i++) assert.equal((await access.authenticate(from({ 'x-api-key': key })))?.subject, 'app')
  await assert.rejects(access.authenticate(from({ 'x-api-key': 'made-up' })), { code: 'UNAUTHENTICATED' })
  assert.deepEqual(lines, [])
  state.fails = false
  await runtime.advance(5_000)
  assert.deepEqual(
    lines.map(({ action, actor, subject }) => [action, actor, subject]),
    [
      ['api-key.used', 'app', digest.slice(0, 16)],
      ['access.refused', 'unknown', 'api-key'],
    ],
  )
  assert.ok(!JSON.stringify(lines).includes(key) && lines.every(({ about }) => about!['happened'] !== undefined))
})

test('who cannot be found out is nobody refused, and what a finder throws is no reason of its own', async (t) => {
  const issuer = await testIssuer(t, ours)
  issuer.mood = 'down'
  const { lines, record } = logOf()
  let thrown = 0
  const access = security({
    ...{ issuers: [{ issuer: issuer.url }], audience: 'shop', runtime: testRuntime(), record },
    apiKeys: () => {
      throw new CallError('UNAUTHENTICATED', 'No', { details: { reason: `made up ${thrown++}` } })
    },
  })
  const token = await issuer.token(ours)
  await assert.rejects(access.authenticate(from({ authorization: `Bearer ${token}` })), { code: 'UNAVAILABLE' })
  for (let i = 0; i < 3; i++) await assert.rejects(access.authenticate(from({ 'x-api-key': 'x' })), { code: 'UNAUTHENTICATED' })
  await Promise.resolve()
  assert.deepEqual(
    lines.map(({ about }) => about!['reason']),
    ['other'],
  )
})
