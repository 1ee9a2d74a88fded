import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { database, sqlite, type SqlStore } from 'dure/data'
import { realRuntime, type Runtime } from 'dure/runtime'
import { security } from 'dure/security'
import { silentLogger } from 'dure/telemetry'
import * as client from 'openid-client'
import { configure, started, temporary } from './auth.test-support.ts'
import { openKeys, type KeyStore } from './keys.ts'
import { createSecret, secretIn } from './secret.ts'
import { MIGRATIONS } from './tables.ts'

const SECRET = 's'.repeat(40)
const times = { life: 1_000_000, lead: 1_000, longest: 300 }

async function stored(
  t: TestContext,
): Promise<{ readonly store: SqlStore; readonly at: (now: number) => void; readonly runtime: Runtime }> {
  const real = realRuntime()
  let now = 1_000_000
  const runtime = { ...real, clock: { ...real.clock, now: () => now } }
  const store = await sqlite()({ directory: temporary(t), runtime: real, log: silentLogger() }).open(
    'auth',
    database({ migrations: MIGRATIONS }),
  )
  t.after(() => store.stop())
  return { store, runtime, at: (time) => (now = time) }
}

test('a key is shown before it signs, and stays until all that it signed has ended; each process sees the same', async (t) => {
  const { store, runtime, at } = await stored(t)
  const open = (): Promise<KeyStore> =>
    openKeys({ store, runtime, secret: createSecret(SECRET, runtime), times, onMade: async () => {} })
  const [one, other] = [await open(), await open()]
  const kids = (keys: KeyStore): readonly string[] => keys.shown().map(({ kid }) => kid)
  const [first] = kids(one)
  assert.deepEqual(kids(other), [first])
  const next = await one.keys.rotate()
  assert.equal(next.state, 'upcoming')
  assert.deepEqual(await other.keys.rotate(), next)
  assert.deepEqual(kids(one), [first, next.kid])
  await other.refresh()
  for (const keys of [one, other]) {
    at(1_000_999)
    assert.deepEqual(kids(keys), [first, next.kid])
    at(1_001_000)
    assert.deepEqual(kids(keys), [next.kid, first])
    at(1_001_299)
    assert.deepEqual(kids(keys), [next.kid, first])
    at(1_001_300)
    assert.deepEqual(kids(keys), [next.kid])
    at(1_000_000)
  }
  at(1_001_300)
  await one.refresh()
  assert.deepEqual(
    one.keys.list().map(({ kid, state }) => [kid, state]),
    [[next.kid, 'signing']],
  )
  // By itself once it is old, and once.
  at(1_001_000 + times.life)
  await Promise.all([one.refresh(), other.refresh()])
  assert.deepEqual(
    one.keys.list().map(({ state }) => state),
    ['signing', 'upcoming'],
  )
  await other.refresh()
  assert.deepEqual(other.keys.list(), one.keys.list())
  // What is sealed opens with the secret alone.
  const wrong = createSecret('t'.repeat(40), runtime)
  await assert.rejects(openKeys({ store, runtime, secret: wrong, times, onMade: async () => {} }), /sealed with another secret/)
})

test('tokens of before and after a rotation are taken, and the next key is known before it signs', async (t) => {
  const { issuer, keys } = await started(t, { limits: { keyLead: 0 } })
  const config = await configure(issuer, 'robot')
  const access = security({ issuers: [{ issuer }], audience: 'shop' })
  const before = (await client.clientCredentialsGrant(config, {})).access_token
  await access.verify(before)
  await keys.rotate()
  const after = (await client.clientCredentialsGrant(config, {})).access_token
  const kidOf = (token: string): unknown =>
    (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: unknown }).kid
  assert.notEqual(kidOf(before), kidOf(after))
  const fresh = security({ issuers: [{ issuer }], audience: 'shop' })
  for (const token of [before, after]) assert.equal((await fresh.verify(token)).subject, 'robot')
  const shown = (await (await fetch(config.serverMetadata().jwks_uri!)).json()) as { keys: Record<string, unknown>[] }
  assert.deepEqual(
    shown.keys.map(({ kid }) => kid),
    [kidOf(after), kidOf(before)],
  )
  for (const key of shown.keys) assert.deepEqual(Object.keys(key).toSorted(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
})

test('the secret of a directory is made once, and not used when others can read it', async (t) => {
  const directory = temporary(t)
  const runtime = realRuntime()
  const made = secretIn(directory, runtime)
  assert.equal(made.length, 43)
  assert.equal(secretIn(directory, runtime), made)
  chmodSync(join(directory, 'auth.secret'), 0o644)
  assert.throws(() => secretIn(directory, runtime), /others can read it \(mode 644\)/)
})
