import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { auditLog, type AuditEntry } from 'dure/audit'
import { command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { dure, temporary } from '../shell.test-support.ts'
import { askOperator, askRecord, control, serveSupervisor } from './control.ts'

const trail = auditLog('tests/operators', { key: generateKeyPairSync('ed25519').privateKey })
const Books = contract('books', {
  version: '1.0.0',
  owner: 'tests',
  operations: { lend: command({}), count: query({}), burn: command({}) },
})
const books = service(Books, {
  database: database({ migrations: {} }),
  extensions: [trail],
  handlers: {
    lend: () => undefined,
    count: () => undefined,
    burn: () => {
      throw new Error('Books are not burnt')
    },
  },
})
const library = system('library', { services: [books], audit: trail, telemetry: false, doors: [control()] })

test(
  'what is done from outside is in the audit log with who did it; scaling does not wait for the log',
  { timeout: 120_000 },
  async (t) => {
    const directory = temporary()
    const run = (): Promise<Running> => start(library, { directory, log: silentLogger() })
    let running = await run()
    const done: string[] = []
    const supervisor = {
      processes: () => [],
      scale: async (name: string, copies: number) => {
        if (copies > 9) throw new Error('So many cannot be')
        done.push(`${name}=${copies}`)
      },
      replace: async (names: readonly string[] = []) => void done.push(`replace ${names.join()}`),
    }
    const placed = {
      groups: () => [],
      plan: () => ({ service: 'books', from: 'books', to: 'all', overlaps: false, apart: [], together: [] }),
      place: async () => ({ service: 'books', from: 'books', to: 'all', ms: 1, away: 0 }),
    }
    const served = await serveSupervisor({ directory, supervisor, placed, record: (act) => askRecord(directory, act) })
    t.after(async () => {
      await served.close()
      await running.stop()
    })
    const say = (...words: string[]) => dure([...words, '--by', '이다', '--data', directory])
    const lines = async (count: number): Promise<readonly string[]> => {
      for (;;) {
        const all = JSON.parse((await dure(['audit', 'list', '--json', '--data', directory])).out) as readonly AuditEntry[]
        if (all.length >= count)
          return all.map(({ actor, action, subject, about }) => `${actor} ${action} ${subject} ${String(about!['outcome'])}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }

    assert.equal((await say('scale', 'books=2')).code, 0)
    assert.equal((await say('scale', 'books=20')).code, 1)
    assert.equal((await say('restart', 'books#2')).code, 0)
    const seen = await lines(6)
    assert.deepEqual(seen, [
      '이다 service.scale books begun',
      '이다 service.scale books done',
      '이다 service.scale books begun',
      '이다 service.scale books failed',
      '이다 processes.replace books#2 begun',
      '이다 processes.replace books#2 done',
    ])
    assert.equal((await say('place', 'books', 'in', '--yes', '--seconds', '0')).code, 0)
    assert.equal((await say('call', 'books.lend')).code, 0)
    assert.equal((await say('call', 'books.count')).code, 0)
    assert.equal((await say('call', 'books.burn')).code, 1)
    assert.deepEqual((await lines(12)).slice(6).toSorted(), [
      '이다 operation.call books.burn begun',
      '이다 operation.call books.burn failed',
      '이다 operation.call books.lend begun',
      '이다 operation.call books.lend done',
      '이다 service.place books begun',
      '이다 service.place books done',
    ])

    // A process of the system passes on what its supervisor answers, and it is written once.
    const through = <T>(contract: string, operation: string, input?: object) =>
      askOperator<T>(directory, contract, operation, input, { by: '이다' })
    const listed = await through<{ readonly supervised: boolean }>('processes', 'list')
    assert.equal(listed.supervised, true)
    await through('placement', 'scale', { process: 'books', copies: 4 })
    assert.equal(done.at(-1), 'books=4')
    await assert.rejects(through('placement', 'scale', { process: 'books', copies: 10 }), /^CliError: So many cannot be$/)
    assert.deepEqual((await lines(16)).slice(12), [
      ...['begun', 'done', 'begun', 'failed'].map((outcome) => `이다 service.scale books ${outcome}`),
    ])

    await running.stop()
    assert.equal((await say('scale', 'books=3')).code, 0)
    assert.equal(done.at(-1), 'books=3')
    running = await run()
    assert.deepEqual((await lines(18)).slice(16), ['이다 service.scale books begun', '이다 service.scale books done'])
  },
)
