import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys'
import { missingServer, startLocalServer, type LocalServer, type ServerSettings } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import { createLogger } from 'dure/telemetry'
import { natsBroker, type NatsCredentials } from './nats.ts'
import { freshPrefix, message, runtime, SHORT, until } from './world.test-support.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** A claim as NATS has them, signed by whoever vouches for it. */
function jwt(issuer: KeyPair, subject: KeyPair, type: string, nats: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claim = { jti: type, iat: 1, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name: type }
  const body = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claim, nats: { ...nats, type, version: 2 } })}`
  return `${body}.${Buffer.from(issuer.sign(new TextEncoder().encode(body))).toString('base64url')}`
}

function credsOf(token: string, user: KeyPair): string {
  return `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${text(user.getSeed())}\n------END USER NKEY SEED------\n`
}

const LIMITS = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
const ROOM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

/** A server that knows accounts by their operator's word, and the credentials of a user of one. */
async function operated(t: TestContext): Promise<{ readonly server: LocalServer; readonly creds: string }> {
  const [operator, system, account, user] = [createOperator(), createAccount(), createAccount(), createUser()]
  const accounts = [
    [system, jwt(operator, system, 'account', { limits: LIMITS })],
    [account, jwt(operator, account, 'account', { limits: { ...LIMITS, ...ROOM } })],
  ] as const
  const server = await serverWith(t, {
    operator: jwt(operator, operator, 'operator', {}),
    system_account: system.getPublicKey(),
    resolver: 'MEMORY',
    ...Object.fromEntries(accounts.map(([key, token]) => [`resolver_preload.${key.getPublicKey()}`, token])),
  })
  return { server, creds: credsOf(jwt(account, user, 'user', { pub: {}, sub: {}, subs: -1, data: -1, payload: -1 }), user) }
}

async function serverWith(t: TestContext, settings: ServerSettings): Promise<LocalServer> {
  const server = await startLocalServer('nats', { settings })
  t.after(() => server.close())
  return server
}

/** Comes in, and works; nobody comes in by what is wrong. No secret of them is in any line of the log or any error. */
async function comesIn(
  { port }: LocalServer,
  { right, wrong, secrets }: { right: NatsCredentials; wrong: readonly NatsCredentials[]; secrets: readonly string[] },
): Promise<void> {
  const lines: string[] = []
  const log = createLogger({ clock: runtime.clock, level: 'debug', write: (line) => void lines.push(line) })
  const servers = `nats://127.0.0.1:${port}`
  const open = (credentials?: NatsCredentials) =>
    natsBroker({ ...SHORT, syncsAlways: false, servers, prefix: freshPrefix(), ...(credentials && { credentials }) })({
      runtime,
      log,
    })
  const broker = await open(right)
  const came: string[] = []
  await broker.subscribe({
    ...{ group: 'g', topics: ['orders'] },
    deliver: async (batch) => void came.push(...batch.map((one) => one.message.id)),
  })
  const sent = message('orders', 'a', 1)
  await broker.publish([sent])
  await until(() => came.includes(sent.id))
  await broker.stop()
  for (const credentials of [undefined, ...wrong]) {
    const error: unknown = await open(credentials).then(
      (opened) => opened.stop(),
      (failure: unknown) => failure,
    )
    assert.ok(error instanceof CallError, String(error))
    assert.match(`${error.code} ${error.message}`, /^(UNAUTHENTICATED|FAILED_PRECONDITION) Cannot connect to NATS.*"credentials/)
    lines.push(error.message, String(error.stack), JSON.stringify(error), String(error.cause), JSON.stringify(error.cause ?? ''))
  }
  assert.ok(lines.length > 0)
  for (const secret of secrets) assert.ok(!lines.join('\n').includes(secret), lines.join('\n'))
}

describe('nats lets in', { skip: missingServer('nats'), timeout: 60_000 }, () => {
  test('who has the token', async (t) => {
    const server = await serverWith(t, { 'authorization.token': 'correct-horse' })
    await comesIn(server, {
      ...{ right: { token: 'correct-horse' }, wrong: [{ token: 'hunter2' }, { user: 'ada', password: 'hunter2' }] },
      secrets: ['correct-horse', 'hunter2'],
    })
  })

  test('who has the seed of a key', async (t) => {
    const [user, other] = [createUser(), createUser()]
    const server = await serverWith(t, { 'authorization.users': [{ nkey: user.getPublicKey() }] })
    const [nkeySeed, strange] = [text(user.getSeed()), text(other.getSeed())]
    await comesIn(server, {
      right: { nkeySeed },
      wrong: [{ nkeySeed: strange }, { nkeySeed: 'SUHUNTER2' }],
      secrets: [nkeySeed, strange, 'SUHUNTER2'],
    })
  })

  test('who has the credentials of a user, as text or as a file', async (t) => {
    const { server, creds } = await operated(t)
    const folder = mkdtempSync(join(tmpdir(), 'dure-nats-creds-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const [file, broken, none] = ['user.creds', 'broken.creds', 'none.creds'].map((name) => join(folder, name))
    writeFileSync(file!, creds, { mode: 0o600 })
    writeFileSync(broken!, creds.slice(0, 200), { mode: 0o600 })
    const seed = /SU[A-Z2-7]{56}/.exec(creds)![0]
    const other = createUser()
    const wrong = [
      { credsFile: broken! },
      { credsFile: none! },
      { creds: 'hunter2' },
      { creds: creds.replace(seed, text(other.getSeed())) },
    ]
    const secrets = [seed, text(other.getSeed()), 'hunter2', creds.split('\n')[1]!]
    await comesIn(server, { right: { creds }, wrong, secrets })
    await comesIn(server, { right: { credsFile: file! }, wrong: [], secrets })
  })
})
