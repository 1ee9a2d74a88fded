import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { contract, query } from '../contract/contract.ts'
import { createOutbox, database, sqlite } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, type StoreAdapter } from './service.ts'
import { until } from './rig.test-support.ts'

const Desk = contract('desk', { version: '1.0.0', owner: 'tests', operations: { ask: query({ output: z.object({}) }) } })
const desk = service(Desk, {
  database: database<object>({ migrations: { '001': 'CREATE TABLE note (id TEXT PRIMARY KEY)' } }),
  handlers: { ask: async () => ({}) },
})

test('a system is not quiet while an outbox that counts nothing cannot say that all is delivered, and is asked once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-status-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  let asked = 0
  let answer = Promise.withResolvers<void>()
  const adapter: StoreAdapter = (world) => {
    const { name, open } = sqlite({ durability: 'process' })(world)
    return {
      name,
      open: async (service, definition) => ({
        ...(await open(service, definition)),
        outbox: async (options) => ({
          ...(await createOutbox(options)),
          depth: () => 0,
          flush: () => {
            asked++
            return answer.promise
          },
        }),
      }),
    }
  }
  const office = system('office', { services: [desk], database: adapter, telemetry: false })
  const running = await start(office, { directory, log: silentLogger() })
  try {
    const first = await running.status()
    assert.deepEqual([first.quiet, first.services.map(({ outbox }) => outbox)], [false, [1]])
    await running.status()
    assert.equal(asked, 1)
    answer.reject(new Error('the database is away'))
    answer = Promise.withResolvers()
    answer.promise.catch(() => {})
    assert.equal((await running.status()).quiet, false)
    answer.resolve()
    await until(async () => (await running.status()).quiet)
  } finally {
    answer.resolve()
    await running.stop()
  }
})
