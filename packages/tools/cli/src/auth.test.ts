import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dure, startHere, temporary } from './shell.test-support.ts'

const PASSWORD = 'correct horse battery'
const data = temporary()
let running: Awaited<ReturnType<typeof startHere>>
before(async () => {
  running = await startHere('auth.system.test-support.ts', '--data', data)
})
after(() => running.stop())

const auth = (args: readonly string[], stdin = ''): ReturnType<typeof dure> =>
  dure(['auth', ...args, '--data', data], { stdin, piped: true })
const done = async (args: readonly string[], stdin = ''): Promise<string> => {
  const { code, out, err } = await auth([...args, '--by', 'ida'], stdin)
  assert.equal(code, 0, err)
  return out
}
type Line = {
  readonly action: string
  readonly actor: string
  readonly subject: string
  readonly personal: object
  readonly about: object
}
const audited = async (): Promise<readonly Line[]> =>
  JSON.parse((await dure(['audit', 'list', '--data', data, '--json'])).out) as readonly Line[]

test('users are added, changed, disabled and listed, each with a line in the audit, and passwords are nowhere', async () => {
  assert.match(
    await done(['users', 'add', 'Ana', '--role', 'clerk', '--role', 'packer'], `${PASSWORD}\n`),
    /^Added ana, whose subject is /,
  )
  await done(['users', 'add', 'bob'], PASSWORD)
  await done(['users', 'password', 'bob'], `${PASSWORD} staple`)
  await done(['users', 'disable', 'ana', '--reason', 'has left'])
  assert.match((await auth(['users'])).out, /^NAME +ROLES +STATE +SUBJECT\nana +clerk, packer +disabled +\S+\nbob +\S+\n$/)
  await done(['users', 'enable', 'ana'])
  await done(['users', 'logout', 'ana'])
  type User = { readonly name: string; readonly subject: string; readonly disabled: boolean }
  const [ana] = JSON.parse((await auth(['users', '--json'])).out) as readonly User[]
  assert.deepEqual([ana!.name, ana!.disabled], ['ana', false])
  const own = (await audited()).filter(({ subject }) => subject === ana!.subject)
  assert.deepEqual(
    own.map(({ action, actor, about }) => [action, actor, (about as { outcome: string }).outcome]),
    ['disable', 'enable', 'log-out'].flatMap((what) => ['begun', 'done'].map((outcome) => [`auth.user.${what}`, 'ida', outcome])),
  )
  assert.deepEqual(own[0]!.personal, { name: 'ana', reason: 'has left' })
  const added = (await audited()).findLast(({ about }) => (about as { user?: string }).user === ana!.subject)
  assert.deepEqual([added!.action, added!.actor, added!.personal], ['auth.user.add', 'ida', { name: 'Ana' }])
  for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((one) => /\.(db|db-wal|json)$/.test(one)))
    assert.ok(!readFileSync(join(data, name), 'latin1').includes(PASSWORD), name)
})

test('a client is added with a secret that is told once, gets tokens, and gets none when it is disabled', async () => {
  const url = running.out().match(/auth +(http:\S+)/)![1]!
  const words = ['clients', 'add', 'robot', '--for-itself', '--scope', 'orders:read', '--role', 'packer']
  const secret = (await done(words)).trim()
  assert.match(secret, /^[\w-]{43}$/)
  const token = async (): Promise<number> => {
    const form = { grant_type: 'client_credentials', client_id: 'robot', client_secret: secret, scope: 'orders:read' }
    const answer = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) })
    if (!answer.ok) return (await answer.body?.cancel(), answer.status)
    const { access_token } = (await answer.json()) as { readonly access_token: string }
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()) as { readonly roles: unknown }
    assert.deepEqual(claims.roles, ['packer'])
    return answer.status
  }
  assert.equal(await token(), 200)
  await done(['clients', 'disable', 'robot', '--reason', 'its secret was lost'])
  assert.equal(await token(), 401)
  await done(['clients', 'enable', 'robot'])
  assert.equal(await token(), 200)
  await done(['clients', 'disable', 'web'])
  const { out } = await auth(['clients'])
  assert.match(
    out,
    /robot +for itself, with a secret +added +orders:read\nweb +people log in, public +system file +disabled +orders:read/,
  )
  assert.ok(!out.includes(secret))
  for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((one) => /\.(db|db-wal)$/.test(one)))
    assert.ok(!readFileSync(join(data, name), 'latin1').includes(secret), name)
  const lines = (await audited()).filter(({ action }) => action.startsWith('auth.client.'))
  assert.deepEqual(
    lines.map(({ action, subject }) => `${action} ${subject}`),
    ['add robot', 'disable robot', 'enable robot', 'disable web'].flatMap((what) => [
      `auth.client.${what}`,
      `auth.client.${what}`,
    ]),
  )
})

test('another key comes, and signs after a while', async () => {
  assert.match((await auth(['keys'])).out, /^\w{24} is signing, since \S+ (s|min)\n$/)
  const next = await done(['keys', 'rotate', '--reason', 'as every month'])
  assert.match(next, /^\w{24} signs from \S+.* on\n$/)
  // One that is on its way stays the next one.
  assert.equal(await done(['keys', 'rotate']), next)
  assert.equal((await auth(['keys'])).out.split('\n').length, 3)
  assert.equal((await audited()).filter(({ action }) => action === 'auth.keys.rotate').length, 4)
})

test('what cannot be done is refused, and says why', async () => {
  for (const [args, stdin, code, said] of [
    [['users', 'add', 'eve'], '', 2, /without a password: give it on standard input/],
    [['users', 'add', 'eve'], 'short', 2, /it has 5 characters; give 15/],
    [['users', 'disable', 'nobody'], '', 1, /There is no user "nobody"/],
    [['clients', 'disable', 'nobody'], '', 1, /There is no client "nobody"/],
    [['clients', 'add', 'web'], '', 1, /there is one of this id/],
    [['clients', 'add', 'x', '--scope', 'orders:all'], '', 2, /may ask for "orders:all", which is none of the scopes/],
    [['clients', 'add', 'x', '--redirect', 'shop'], '', 2, /has the address "shop", which is none/],
    [['clients', 'add', 'x', '--public', '--for-itself'], '', 2, /cannot get tokens for itself without a secret/],
  ] as const) {
    const refused = await auth(args, stdin)
    assert.deepEqual([refused.code, said.test(refused.err)], [code, true], refused.err)
  }
  const other = temporary()
  const books = await startHere('trail.system.test-support.ts', '--data', other)
  const { code, err } = await dure(['auth', 'users', '--data', other])
  await books.stop()
  assert.deepEqual([code, /has no authorization server; list one among its doors/.test(err)], [1, true], err)
})
