import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, event } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { embeddedBroker, queue, type Broker } from '../messaging/messaging.ts'
import { realRuntime, virtualRuntime } from '../runtime/runtime.ts'
import { createLogger, type Logger } from '../telemetry/telemetry.ts'
import { batchingSink } from '../telemetry/internal.ts'
import { service, start, system, type SystemOptions } from './service.ts'

const MINUTE = 60_000
const Said = event('said', { schema: z.object({}), key: () => 'k' })
const Chores = queue('chores', { schema: z.object({}), key: () => 'k' })
const Speaker = contract('speaker', { version: '1.0.0', owner: 'tests', operations: { say: command({}) }, events: [Said] })

const refuse = (): Promise<never> => Promise.reject(new Error('There is nobody'))
/** Time is virtual, and a flush to the disk is not. */
const quick = embeddedBroker({ durability: 'process' })
const brokerWithout =
  (...lost: readonly (keyof Broker)[]): NonNullable<SystemOptions['broker']> =>
  async (world) => {
    const broker = await quick(world)
    return { ...broker, ...Object.fromEntries(lost.map((name) => [name, refuse])) }
  }
const failing = (): never => {
  throw new Error('It always fails')
}

/** Parts that try again for as long as something else does not do its work. */
const SCENES: Readonly<Record<string, Partial<SystemOptions> & { readonly reacts?: 'topic' | 'queue' }>> = {
  'an outbox whose broker refuses everything': { broker: brokerWithout('publish', 'send') },
  'a reaction that always fails': { reacts: 'topic' },
  'a worker that always fails': { reacts: 'queue' },
  'an exporter whose receiver is gone': {
    telemetry: {
      sampling: 1,
      store: false,
      exporters: [({ runtime, log }) => batchingSink({ name: 'gone', runtime, log, deliver: refuse })],
    },
  },
}

for (const [name, { reacts, ...options }] of Object.entries(SCENES)) {
  test(`what tries again is not loud: ${name}`, { timeout: 60_000 }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-noise-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const runtime = virtualRuntime()
    const lines: string[] = []
    const log: Logger = createLogger({ clock: runtime.clock, write: (line) => lines.push(line) })
    const speaker = service(Speaker, {
      database: database<{}>({ migrations: {} }),
      handlers: {
        say: (_input, { database }) =>
          database.transaction(async (tx) => {
            await tx.publish(Said, {})
            await tx.send(Chores, {})
          }),
      },
      subscriptions: ({ on, work }) => {
        if (reacts === undefined) return []
        return reacts === 'topic' ? [on(Said, failing)] : [work(Chores, failing)]
      },
    })
    let settled = false
    const settle = async <T>(work: Promise<T>): Promise<T> => {
      settled = false
      void work.finally(() => (settled = true)).catch(() => {})
      while (!settled) await runtime.advance(1)
      return work
    }
    const running = await settle(
      start(
        system('noise', {
          services: [speaker],
          database: sqlite({ durability: 'process' }),
          broker: quick,
          telemetry: false,
          ...options,
        }),
        { directory, log, runtime },
      ),
    )
    for (let minute = 0; minute < 60; minute++) {
      await settle(running.client(Speaker).say())
      await runtime.advance(MINUTE)
    }
    // A message that failed is told of by itself, once or twice.
    const single = lines.filter((line) => /A message failed|A message is dead/.test(line)).length
    assert.ok(lines.length - single <= 20, `${lines.length} lines:\n${lines.join('')}`)
    assert.ok(single <= 120, `${single} lines of single messages`)
    await settle(running.stop({ timeout: 1_000 }))
  })
}

test('a store whose disk is full says so in few lines, however much is asked of it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-noise-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const runtime = realRuntime()
  const lines: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (line) => lines.push(line) })
  const migrations = { '001': 'CREATE TABLE t (x TEXT); PRAGMA max_page_count = 100' }
  const store = await sqlite()({ directory, runtime, log }).open('full', database({ migrations }))
  const large = 'x'.repeat(1_000_000)
  const insert = () => store.transaction((tx) => tx.run('INSERT INTO t (x) VALUES (?)', [large]))
  for (let n = 0; n < 300; n++) await assert.rejects(insert(), { code: 'RESOURCE_EXHAUSTED' })
  await store.stop()
  assert.ok(lines.length <= 5, `${lines.length} lines`)
})
