import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { createSessions, sessionCookie, sqliteSessions } from './session.ts'

const Cart = z.object({ cart: z.array(z.string()), since: z.date(), total: z.bigint().default(0n) })
const given = { cart: ['apple'], since: new Date(5) }

function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-sessions-'))
  const store = sqliteSessions({ directory })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { directory, store, sessions: createSessions({ store, schema: Cart, maxBytes: 200 }) }
}

test('data comes back as the values it was, and the token is in no file', async (t) => {
  const { directory, sessions } = rig(t)
  const { token, ...made } = await sessions.create({ data: given, subject: 'ida' })
  assert.match(token, /^[\w-]{43}$/)
  const data = { ...given, total: 0n }
  assert.deepEqual(made, { subject: 'ida', data, version: 1 })
  assert.deepEqual(await sessions.read(token), { token, ...made })
  for (const file of ['sessions.db', 'sessions.db-wal']) assert.ok(!readFileSync(join(directory, file)).includes(token))
})

test('what is no token, what does not fit and what is too large is refused before the store is asked', async (t) => {
  const { sessions, store } = rig(t)
  let asked = 0
  const counted = createSessions({
    ...{ schema: Cart, maxBytes: 200 },
    store: { ...store, read: (id) => (asked++, store.read(id)), create: (id, one) => (asked++, store.create(id, one)) },
  })
  for (const token of [undefined, '', 'short', 'x'.repeat(44), 'x'.repeat(1_000_000), `${'x'.repeat(42)}\n`])
    assert.equal(await counted.read(token), undefined)
  const invalid = { code: 'INVALID_ARGUMENT' }
  await assert.rejects(counted.create({ data: { cart: [1] } as never }), { ...invalid, message: /at "cart/ })
  await assert.rejects(counted.create({ data: { ...given, cart: ['x'.repeat(200)] } }), {
    ...invalid,
    message: /200 are the most/,
  })
  await assert.rejects(counted.create({ data: given, subject: '' }), invalid)
  await assert.rejects(counted.create({ data: given, subject: 's'.repeat(1_001) }), invalid)
  assert.equal(asked, 0)
  for (const numbers of [{ idle: 0 }, { absolute: Number.NaN }, { maxBytes: 1.5 }])
    assert.throws(() => createSessions({ store, schema: Cart, ...numbers }), TypeError)
  const session = await sessions.create({ data: given })
  await assert.rejects(sessions.update(session, { ...given, cart: ['x'.repeat(200)] }), invalid)
  assert.deepEqual((await sessions.read(session.token))?.data.cart, ['apple'])
})

test('who logs in has another token, and what was known before is of no use; who logs out stays so', async (t) => {
  const { sessions } = rig(t)
  const anonymous = await sessions.create({ data: given })
  const login = await sessions.rotate(anonymous, { subject: 'ida' })
  assert.ok(login.status === 'done')
  assert.deepEqual([login.session.subject, login.session.data.cart], ['ida', ['apple']])
  assert.equal(await sessions.read(anonymous.token), undefined)
  assert.deepEqual(await sessions.rotate(anonymous), { status: 'gone' })

  const updated = await sessions.update(login.session, { ...given, cart: [] })
  assert.ok(updated.status === 'done')
  assert.deepEqual(await sessions.update(login.session, given), { status: 'conflict' })
  await sessions.end(login.session.token)
  assert.deepEqual(await sessions.update(updated.session, given), { status: 'gone' })
  assert.equal(await sessions.read(login.session.token), undefined)
})

test('what a later release cannot read any more is no session; other text under its id is told', async (t) => {
  const { sessions, store } = rig(t)
  const { token } = await sessions.create({ data: given })
  const later = createSessions({ store, schema: z.object({ basket: z.string() }) })
  assert.equal(await later.read(token), undefined)
  const broken = createSessions({
    store: { ...store, read: async () => ({ subject: undefined, data: '{', version: 1 }) },
    schema: Cart,
  })
  await assert.rejects(broken.read(token), { code: 'DATA_LOSS' })
})

test('a cookie is read where there is one, and one only', () => {
  const cookie = sessionCookie({ name: 'shop', sameSite: 'strict' })
  assert.equal(cookie.write('t'), '__Host-shop=t; Path=/; HttpOnly; SameSite=Strict; Secure')
  assert.equal(cookie.remove(), '__Host-shop=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure')
  assert.equal(cookie.read('a=1; __Host-shop=t=;b'), 't=')
  for (const header of [undefined, '', 'shop=t', '__Host-shop', '__Host-shop=a; __Host-shop=b', ';;=', '__host-shop=t'])
    assert.equal(cookie.read(header), undefined)
  assert.equal(sessionCookie({ secure: false }).write('t'), 'session=t; Path=/; HttpOnly; SameSite=Lax')
  assert.throws(() => sessionCookie({ name: 'a;b' }), TypeError)
})
