import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import { sqliteSessions } from 'dure/session'
import type { Issuer, Tokens } from './issuer.ts'
import { createLogins, type Login } from './logins.ts'
import { createRenewal } from './renewal.ts'

const SECOND = 1_000
const LIFE = 300 * SECOND
const TIMEOUT = 5 * SECOND

type Answer = Awaited<ReturnType<Issuer['refresh']>>

/** Gateways that share a store, in virtual time, and an issuer who answers when he is told to. */
function rig(t: TestContext, count = 2) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-renewal-'))
  const runtime = virtualRuntime({ start: 1_800_000_000_000 })
  const store = sqliteSessions({ directory, runtime })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const asked: { readonly refresh: string | undefined; readonly answer: (answer: Answer) => void }[] = []
  const issuer: Pick<Issuer, 'refresh'> = {
    refresh: ({ refresh }) => new Promise((answer) => asked.push({ refresh, answer })),
  }
  const times = { idle: 3_600 * SECOND, absolute: 36_000 * SECOND }
  const logins = createLogins({ store, issuer: 'https://login.example', clientId: 'shop', ...times, runtime })
  const gateways = Array.from({ length: count }, () => createRenewal({ logins, issuer, timeout: TIMEOUT, runtime }))
  const tokens = (access: string, refresh: string | undefined = `${access}-next`): Tokens => ({
    ...{ access, refresh, id: 'id', sid: 'sid', life: LIFE, ends: runtime.clock.now() + LIFE },
  })
  /** Turns of what is under way, until something is so. */
  const until = async (is: () => boolean): Promise<void> => {
    for (let i = 0; i < 10_000 && !is(); i++) await runtime.advance(10)
    assert.ok(is())
  }
  const accessOf = async (of: ReturnType<(typeof gateways)[number]>): Promise<string> => {
    const found = await of
    return found.is === 'live' ? found.login.data.access : found.is
  }
  return {
    runtime,
    logins,
    gateways,
    asked,
    tokens,
    until,
    accessOf,
    read: async (login: Login) => (await logins.read(login.token))!,
  }
}

test('another token is asked for before the old one ends, and nobody waits for it', async (t) => {
  const { runtime, logins, gateways, asked, tokens, until, accessOf, read } = rig(t)
  const login = await logins.create('ana', tokens('one'))
  const [first, second] = [gateways[0]!, gateways[1]!]
  await runtime.advance(LIFE - 61 * SECOND)
  assert.equal(await accessOf(first(await read(login))), 'one')
  assert.equal(asked.length, 0)
  await runtime.advance(SECOND)
  const seen = await read(login)
  // Both see it at once, with a hundred requests each.
  for (let i = 0; i < 100; i++) for (const each of [first, second]) assert.equal(await accessOf(each(seen)), 'one')
  await until(() => asked.length > 0)
  await runtime.advance(10 * SECOND)
  assert.deepEqual(
    asked.map(({ refresh }) => refresh),
    ['one-next'],
  )
  asked[0]!.answer({ is: 'done', tokens: tokens('two') })
  while ((await read(login)).data.access !== 'two') await runtime.advance(10)
  assert.equal(await accessOf(second(await read(login))), 'two')
  assert.equal(asked.length, 1)
})

test('who comes when it has ended waits for the next, which is asked for once by all gateways together', async (t) => {
  const { runtime, logins, gateways, asked, tokens, until, accessOf, read } = rig(t, 3)
  const login = await logins.create('ana', tokens('one'))
  await runtime.advance(LIFE)
  const seen = await read(login)
  const waiting = gateways.flatMap((each) => Array.from({ length: 50 }, () => accessOf(each(seen))))
  await until(() => asked.length > 0)
  const late = accessOf(gateways[2]!(await read(login)))
  await runtime.advance(4 * SECOND)
  asked[0]!.answer({ is: 'done', tokens: tokens('two') })
  const all = Promise.all([...waiting, late])
  let found: readonly string[] | undefined
  void all.then((values) => (found = values))
  await until(() => found !== undefined)
  assert.deepEqual(new Set(found), new Set(['two']))
  assert.equal(asked.length, 1)
})

test('the place of a gateway that has died meanwhile is taken, after a time in which it would have given up', async (t) => {
  const { runtime, logins, gateways, asked, tokens, until, accessOf, read } = rig(t)
  const login = await logins.create('ana', tokens('one'))
  await runtime.advance(LIFE)
  // It never comes back from there.
  void gateways[0]!(await read(login))
  await until(() => asked.length === 1)
  let found: string | undefined
  void accessOf(gateways[1]!(await read(login))).then((value) => (found = value))
  await runtime.advance(2 * TIMEOUT)
  assert.equal(asked.length, 1)
  await until(() => asked.length === 2)
  asked[1]!.answer({ is: 'done', tokens: tokens('two') })
  await until(() => found !== undefined)
  assert.equal(found, 'two')
  // It was only slow: what it brings is not taken any more.
  asked[0]!.answer({ is: 'done', tokens: tokens('late') })
  await runtime.advance(SECOND)
  assert.equal((await read(login)).data.access, 'two')
})

test('an issuer that is away: what lives serves on, then nobody can know, and a moment after it is back there is a token', async (t) => {
  const { runtime, logins, gateways, asked, tokens, until, accessOf, read } = rig(t)
  const login = await logins.create('ana', tokens('one'))
  const ask = async (): Promise<string> => accessOf(gateways[0]!(await read(login)))
  await runtime.advance(LIFE - 30 * SECOND)
  assert.equal(await ask(), 'one')
  await until(() => asked.length === 1)
  asked[0]!.answer({ is: 'away' })
  await until(() => asked.length === 1)
  for (let i = 0; i < 50; i++) assert.equal(await ask(), 'one')
  // He is not asked again by each of them.
  assert.equal(asked.length, 1)
  await runtime.advance(30 * SECOND)
  const [one, other] = [ask(), accessOf(gateways[1]!(await read(login)))]
  await until(() => asked.length === 2)
  asked[1]!.answer({ is: 'away' })
  let found: readonly string[] | undefined
  void Promise.all([one, other]).then((values) => (found = values))
  await until(() => found !== undefined || asked.length === 3)
  asked[2]?.answer({ is: 'away' })
  await until(() => found !== undefined)
  assert.deepEqual(found, ['away', 'away'])
  const before = asked.length
  const back = ask()
  await until(() => asked.length === before + 1)
  asked.at(-1)!.answer({ is: 'done', tokens: tokens('two') })
  assert.equal(await back, 'two')
})

test('a refusal ends the session; a logout meanwhile stays one; without a next token it ends with the first', async (t) => {
  const { runtime, logins, gateways, asked, tokens, until, accessOf, read } = rig(t)
  const [refused, out] = [await logins.create('ana', tokens('one')), await logins.create('eve', tokens('hers'))]
  const short = await logins.create('ida', { ...tokens('only'), refresh: undefined })
  await runtime.advance(LIFE - SECOND)
  assert.equal(await accessOf(gateways[0]!(await read(short))), 'only')
  await runtime.advance(SECOND)
  const first = accessOf(gateways[0]!(await read(refused)))
  await until(() => asked.length === 1)
  asked[0]!.answer({ is: 'refused', why: 'gone', reason: 'not taken' })
  assert.equal(await first, 'ended')
  assert.equal(await logins.read(refused.token), undefined)

  const second = accessOf(gateways[1]!(await read(out)))
  await until(() => asked.length === 2)
  await logins.endAt({ sid: 'sid' })
  asked[1]!.answer({ is: 'done', tokens: tokens('again') })
  await second
  assert.equal(await logins.read(out.token), undefined)

  assert.equal(await logins.read(short.token), undefined)
  const alone = await logins.create('ida', { ...tokens('only'), refresh: undefined, sid: undefined })
  await runtime.advance(LIFE)
  assert.equal(await accessOf(gateways[0]!(await read(alone))), 'ended')
  assert.equal(asked.length, 2)
})
