import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, event, query } from '../contract/contract.ts'
import { database, type SqlTransaction } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { quiet } from './rig.test-support.ts'
import { service, start, system, type Extension } from './service.ts'
import type { ExtensionHost, ExtensionKind } from './definition.ts'

const Noted = event('noted', { schema: z.string(), key: () => 'k' })
const Notes = contract('notes', {
  version: '1.0.0',
  owner: 'team-notes',
  operations: {
    note: command({ input: z.string(), output: z.void(), idempotent: true }),
    fail: command({ input: z.string(), output: z.void(), idempotent: true }),
    read: query({ output: z.array(z.string()) }),
  },
  events: [Noted],
})

type Journal = { readonly note: (text: string) => Promise<void> }

/** Keeps a table, joins transactions, answers people, and tells in `said` what is done to it. */
function journal(name: string, said: string[], how: { readonly open?: () => void } = {}): Extension<Journal> {
  const kind: ExtensionKind = {
    name: 'journal',
    migrations: { 'dure/journal-0001': 'CREATE TABLE dure_journal (text TEXT NOT NULL)' },
    open: async (host: ExtensionHost, values) => {
      said.push(`open ${values.map((one) => one.name).join(',')}`)
      how.open?.()
      return {
        join: (tx: SqlTransaction) => ({
          note: async (text: string) => void (await tx.run('INSERT INTO dure_journal (text) VALUES (?)', [text])),
        }),
        listen: async () => void said.push('listen'),
        busy: async () => 0,
        control: {
          count: async (by: { add: number }) => (await host.store.select('SELECT * FROM dure_journal')).length + by.add,
        },
        stop: async () => {
          // Its store is open still.
          await host.store.select('SELECT * FROM dure_journal')
          said.push('stop')
        },
      }
    },
  }
  return { kind, name }
}

function notes(extension: Extension<Journal>) {
  return service(Notes, {
    database: database<{ dure_journal: { text: string } }>({ migrations: {} }),
    extensions: [extension],
    handlers: {
      note: (text, { database }) =>
        database.transaction(async (tx) => {
          await tx.note(text)
          await tx.publish(Noted, text)
        }),
      fail: (text, { database }) =>
        database.transaction(async (tx) => {
          await tx.note(text)
          throw new CallError('ABORTED', 'no')
        }),
      read: async (_, { database }) =>
        (await database.read.selectFrom('dure_journal').select('text').execute()).map((row) => row.text),
    },
    subscriptions: ({ on }) => [on(Noted, (noted, { tx }) => tx.note(`heard ${noted.data}`))],
  })
}

function temporaryWorld(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-extensions-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return { directory, log: silentLogger() }
}

const run = (t: TestContext, extension: Extension<Journal>) =>
  start(system('diary', { services: [notes(extension)] }), temporaryWorld(t))

test('what an extension joins is in the transactions of handlers and reactions, and commits or not with them', async (t) => {
  const said: string[] = []
  const running = await run(t, journal('diary', said))
  const client = running.client(Notes)
  await client.note('a')
  await assert.rejects(client.fail('b'), { code: 'ABORTED' })
  await quiet(running)
  assert.deepEqual(await client.read(), ['a', 'heard a'])
  assert.equal(await running.ask('notes', { kind: 'journal', method: 'count', input: { add: 1 } }), 3)
  assert.deepEqual(running.extensions, [{ service: 'notes', kind: 'journal', name: 'diary' }])
  await running.stop()
  assert.deepEqual(said, ['open diary', 'listen', 'stop'])
})

test('what nobody can do is said', async (t) => {
  const running = await run(t, journal('diary', []))
  const ask = (kind: string, method: string) => running.ask('notes', { kind, method, input: null })
  await assert.rejects(ask('journal', 'burn'), { code: 'NOT_FOUND', message: /has no journal that can/ })
  await assert.rejects(ask('saga', 'count'), { code: 'NOT_FOUND' })
  await assert.rejects(ask('journal', 'toString'), { code: 'NOT_FOUND' })
  await running.stop()
})

test('a start that an extension refuses leaves nothing open', async (t) => {
  const world = temporaryWorld(t)
  const refused = journal('diary', [], {
    open: () => {
      throw new CallError('FAILED_PRECONDITION', 'Not with this code')
    },
  })
  const begin = (extension: Extension<Journal>) => start(system('diary', { services: [notes(extension)] }), world)
  await assert.rejects(begin(refused), /Not with this code/)
  await (await begin(journal('diary', []))).stop()
})

test('an extension without a database, or twice, is refused when the system is made', () => {
  const twice = [journal('a', []), journal('a', [])] as const
  const handlers = { note: () => {}, fail: () => {}, read: () => [] }
  assert.throws(
    () => system('x', { services: [service(Notes, { extensions: twice, handlers })] }),
    /has the journal "a" but no database to keep it in[^]*has the journal "a" 2 times/,
  )
})
