import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system } from 'dure/service'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask } from './rest.test-support.ts'

const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: { add: command({ input: z.object({ n: z.int() }), output: z.object({ total: z.int() }), http: 'POST /add' }) },
})

test('opens with its system, repeats a keyed command once, and closes with it', async () => {
  let total = 0
  const counter = service(Counter, {
    database: database({ migrations: {} }),
    handlers: { add: ({ n }) => ({ total: (total += n) }) },
  })
  const logged: string[] = []
  const write = (message: string): void => void logged.push(message)
  const log = { debug: () => {}, info: () => {}, warn: write, error: write, with: () => log }
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-'))
  const running = await start(system('counting', { services: [counter], doors: [rest().at({ port: 0 })] }), { directory, log })
  const url = running.doors[0]!.url!
  const add = (key: string): ReturnType<typeof ask> => ask(`${url}/add`, { json: { n: 2 }, headers: { 'idempotency-key': key } })
  assert.deepEqual((await add('a')).body, { total: 2 })
  assert.deepEqual((await add('a')).body, { total: 2 })
  assert.deepEqual((await add('b')).body, { total: 4 })
  assert.equal((await ask(`${url}/health/ready`)).status, 200)
  await running.stop()
  await assert.rejects(ask(`${url}/health/ready`))
  assert.deepEqual(logged, [])
})
