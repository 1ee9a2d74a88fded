import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, event, type CallError } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { schedule } from '../schedule/schedule.ts'
import { newApiKey, security } from '../security/security.ts'
import { service, start, system, SystemError, type Running } from '../service/service.ts'
import { createSessions, sqliteSessions } from '../session/session.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { auditLog, type AuditEntry, type AuditVerdict } from './audit.ts'

const trail = auditLog('tests/operators', { key: generateKeyPairSync('ed25519').privateKey })
const Placed = event('order.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: z.string() }) },
  events: [Placed],
})
const desk = service(Desk, {
  database: database({ migrations: {} }),
  extensions: [schedule('nightly', { cron: '0 3 * * *', zone: 'UTC', late: 'skip', run: async () => {} })],
  handlers: { place: (id, { database }) => database.transaction((tx) => tx.publish(Placed, { id })) },
  subscriptions: ({ on }) => [
    on(Placed, {
      retry: { attempts: 1 },
      handle: () => {
        throw new Error('A curse lies on it')
      },
    }),
  ],
})
const Office = contract('office', { version: '1.0.0', owner: 'tests', operations: {} })
const office = service(Office, { database: database({ migrations: {} }), extensions: [trail], handlers: {} })

async function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-acts-'))
  const parts = new Set<Running>()
  t.after(async () => {
    for (const one of parts) await one.stop({ everything: true })
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    /** All of it, or a part beside others. */
    run: async (...part: readonly string[]): Promise<Running> => {
      const shop = system('shop', {
        ...{ services: [desk, office], database: sqlite({ durability: 'process' }), telemetry: false, audit: trail },
        placement: 'each',
        // Whoever asks the log while it is away hears so at once, and not after the usual five seconds.
        policies: { office: { remote: { patience: 100 } } },
      })
      const how = part.length === 0 ? {} : { part }
      const running = await start(shop, { directory, log: silentLogger(), shutdownTimeout: 2_000, ...how })
      parts.add(running)
      return running
    },
  }
}

const ask = <T>(running: Running, method: string): Promise<T> =>
  running.ask('office', { kind: 'audit', method, input: { log: trail.name } }) as Promise<T>
/** `who action subject outcome`, the latest last, once there are so many. */
async function linesOf(running: Running, count: number): Promise<readonly AuditEntry[]> {
  let all: readonly AuditEntry[] = []
  while ((all = await ask<readonly AuditEntry[]>(running, 'list').catch(() => [])).length < count)
    await new Promise((resolve) => setTimeout(resolve, 5))
  return all
}
const told = ({ actor, action, subject, about }: AuditEntry): string =>
  `${actor} ${action} ${subject} ${String(about?.['outcome'])}${about?.['count'] === undefined ? '' : ` ${String(about['count'])}`}`

/** So many events that nobody can work on. */
async function dead(running: Running, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await running.client(Desk).place(id)
  while ((await running.deadLetters('desk')!.list()).length < ids.length) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('what is decided about dead letters is in the log before it is done, and what came of it after', async (t) => {
  const running = await (await rig(t)).run()
  await dead(running, 'a', 'b')
  const letters = running.deadLetters('desk')!
  const [a] = await letters.list({ key: 'a' })
  await letters.edit(a!.id, '{"id":"a"}', 'as Kim has said', 'ida')
  await assert.rejects(letters.edit(a!.id, '{"id":"c"}', 'another key', 'ida'), { code: 'INVALID_ARGUMENT' })
  assert.equal(await letters.discard({ key: 'b', error: 'curse' }, 'twice', 'ida'), 1)
  assert.equal(await letters.retry({ key: 'none' }), 0)
  const all = await linesOf(running, 8)
  assert.deepEqual(all.map(told), [
    'ida dead-letters.edit desk begun',
    'ida dead-letters.edit desk done',
    'ida dead-letters.edit desk begun',
    'ida dead-letters.edit desk failed',
    'ida dead-letters.discard desk begun',
    'ida dead-letters.discard desk done 1',
    'unknown dead-letters.retry desk begun',
    'unknown dead-letters.retry desk done 0',
  ])
  // Reasons are somebody's words: they can be erased.
  assert.deepEqual(all[0]!.personal, { reason: 'as Kim has said' })
  assert.deepEqual(all[4]!.about, { key: 'b', byError: true, outcome: 'begun' })
  assert.equal(all[3]!.about!['code'], 'INVALID_ARGUMENT')
  assert.ok((await ask<AuditVerdict>(running, 'verify')).ok)
})

test('what is done to extensions and groups is in the log; what only looks is not', async (t) => {
  const running = await (await rig(t)).run()
  const schedules = (method: string, input: object) => running.ask('desk', { kind: 'schedule', method, input })
  await schedules('list', {})
  await schedules('pause', { name: 'nightly', by: 'ida', reason: 'holidays' })
  await assert.rejects(running.forget({ group: 'desk/none', reason: 'gone', by: 'ida' }))
  assert.deepEqual((await linesOf(running, 4)).map(told), [
    'ida schedule.pause desk begun',
    'ida schedule.pause desk done',
    'ida group.forget desk/none begun',
    'ida group.forget desk/none failed',
  ])
})

test('while the log is in a process that is away, dead letters stay as they are; afterwards they can be decided about', async (t) => {
  const { run } = await rig(t)
  const broker = await run('broker', 'desk')
  const away = await run('office')
  await dead(broker, 'a')
  await away.stop()
  const letters = broker.deadLetters('desk')!
  await assert.rejects(letters.discard({}, 'twice', 'ida'), {
    code: 'UNAVAILABLE',
    message: /Nothing was done: "dead-letters.discard" could not be written to the audit log/,
  })
  assert.deepEqual([(await letters.list()).length, (await letters.audit()).length], [1, 0])
  await run('office')
  // Until the others have heard that it is there again, nothing is done.
  let discarded: number | undefined
  while (discarded === undefined)
    discarded = await letters.discard({}, 'twice', 'ida').catch((error: CallError) => {
      if (error.code !== 'UNAVAILABLE') throw error
      return undefined
    })
  assert.equal(discarded, 1)
  assert.deepEqual((await linesOf(broker, 2)).map(told), [
    'ida dead-letters.discard desk begun',
    'ida dead-letters.discard desk done 1',
  ])
})

test('a log that takes no more lines has the same said, and nothing done', async (t) => {
  const { directory, run } = await rig(t)
  const first = await run()
  await dead(first, 'a')
  await first.stop()
  const file = new DatabaseSync(join(directory, 'office.db'))
  file.exec(`CREATE TRIGGER full BEFORE INSERT ON dure_audit_lines BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`)
  file.close()
  const running = await run()
  await assert.rejects(running.deadLetters('desk')!.retry({}, 'ida'), { code: 'UNAVAILABLE', message: /Nothing was done/ })
  assert.equal((await running.deadLetters('desk')!.list()).length, 1)
})

test('sessions and refusals are written through the log that the system names, and only while it runs', async (t) => {
  const { directory, run } = await rig(t)
  const store = sqliteSessions({ directory })
  t.after(() => store.stop())
  const sessions = createSessions({ store, schema: z.object({}), record: trail.record })
  const { key, digest } = newApiKey()
  const access = security({ apiKeys: [{ subject: 'app', digest, scopes: [] }], record: trail.record })
  const withKey = (sent: string) => access.authenticate({ header: (name) => (name === 'x-api-key' ? sent : undefined) })

  await assert.rejects(sessions.create({ data: {}, subject: 'kim' }), { code: 'UNAVAILABLE', message: /could not be written/ })
  const visitor = await sessions.create({ data: {} })
  const running = await run()
  const login = await sessions.rotate(visitor, { subject: 'kim' })
  assert.ok(login.status === 'done')
  const again = await sessions.rotate(login.session)
  assert.ok(again.status === 'done')
  await sessions.end(again.session.token)
  await sessions.end(again.session.token)
  await sessions.endAll('kim', 'ida')
  const [begun, renewed, ended, all] = await linesOf(running, 4)
  assert.deepEqual([begun!, renewed!, ended!, all!].map(told), [
    'kim session.begun kim done',
    'kim session.renewed kim done',
    'kim session.ended kim done',
    'ida session.ended-all kim done',
  ])
  assert.equal(ended!.about!['session'], renewed!.about!['session'])
  assert.ok(!JSON.stringify([begun, renewed]).includes(login.session.token.slice(0, 16)))

  for (let i = 0; i < 3; i++) assert.equal((await withKey(key))?.subject, 'app')
  for (let i = 0; i < 3; i++) await assert.rejects(withKey('made-up'), { code: 'UNAUTHENTICATED' })
  const [used, refused, ...more] = (await linesOf(running, 6)).slice(4)
  assert.deepEqual(
    [told(used!), told(refused!)],
    [`app api-key.used ${digest.slice(0, 16)} done`, 'unknown access.refused api-key refused 1'],
  )
  assert.deepEqual([refused!.about!['reason'], more.length], ['key', 0])
})

test('a log that none of the services keeps is no log of the system', () => {
  assert.throws(
    () => system('shop', { services: [desk], audit: trail }),
    (error) => error instanceof SystemError && /"tests\/operators" is kept by none of its services/.test(error.message),
  )
})
