import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, contract, event } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { readModel } from 'dure/query'
import { saga } from 'dure/saga'
import { schedule } from 'dure/schedule'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'

const Sold = event('sold', { schema: z.object({ sku: z.string() }), key: ({ sku }) => sku })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: z.object({ sku: z.string() }) }), begin: command({}), fail: command({}) },
  events: [Sold],
})
const waiting = saga('waiting', { input: z.null(), signals: { go: z.null() }, run: (s) => s.signal('go') })
const failing = saga('failing', {
  input: z.null(),
  run: (s) => s.step('fail', { retry: { attempts: 1 }, do: () => Promise.reject(new Error('no')) }),
})
const nightly = schedule('nightly', { cron: '0 3 * * *', zone: 'UTC', late: 'skip', run: () => Promise.reject(new Error('no')) })
const sales = readModel('sales', {
  version: 1,
  from: [Sold],
  tables: database<{ sold: { sku: string } }>({ migrations: { '001': 'CREATE TABLE sold (sku TEXT NOT NULL)' } }),
  retry: { attempts: 1 },
  on: {
    sold: async ({ data: { sku } }, { tx }) => {
      if (sku === 'bad') throw new Error('no such thing')
      await tx.insertInto('sold').values({ sku }).execute()
    },
  },
})
const shop = service(Shop, {
  database: database<{}>({ migrations: {} }),
  extensions: [waiting, failing, nightly, sales],
  handlers: {
    sell: (sold, { database }) => database.transaction((tx) => tx.publish(Sold, sold)),
    begin: (_, { database }) => database.transaction(async (tx) => void (await tx.begin(waiting, null, { id: 'w' }))),
    fail: (_, { database }) => database.transaction(async (tx) => void (await tx.begin(failing, null, { id: 'f' }))),
  },
})

test('sagas, schedules and read models are among the metrics, with what is dead at a model', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rest-metrics-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(
    system('numbers', {
      services: [shop],
      ...{ database: sqlite({ durability: 'process' }), broker: embeddedBroker({ durability: 'process' }) },
      doors: [rest({ port: 0 })],
    }),
    { directory, log: silentLogger() },
  )
  t.after(() => running.stop())
  const client = running.client(Shop)
  const { url } = running.doors[0]!
  /** The samples that are as wanted, in so many looks as that takes. */
  const seen = async (...wanted: readonly RegExp[]): Promise<void> => {
    for (let text = ''; !wanted.every((one) => one.test(text));) text = await (await fetch(`${url}/metrics`)).text()
  }
  await seen(
    /^dure_saga_open\{.*dure_saga_name="waiting",dure_saga_state="running"\} 0$/m,
    /^dure_schedule_late_seconds\{.*dure_schedule_name="nightly"\} 0$/m,
    /^dure_model_behind\{.*dure_model_name="sales",dure_model_state="serving"\} 0$/m,
  )
  await client.begin()
  await client.fail()
  await client.sell({ sku: 'good' })
  await client.sell({ sku: 'bad' })
  await running.ask('shop', { kind: 'schedule', method: 'run', input: { name: 'nightly', by: 'me', reason: 'now' } })
  await seen(
    /^dure_saga_open\{.*dure_saga_name="waiting",dure_saga_state="running"\} 1$/m,
    /^dure_saga_open\{.*dure_saga_name="failing",dure_saga_state="paused"\} 1$/m,
    /^dure_saga_age_seconds\{.*dure_saga_name="failing"\} [\d.e-]+$/m,
    /^dure_schedule_last_run_age_seconds\{.*dure_schedule_name="nightly"\} [\d.e-]+$/m,
    /^dure_schedule_last_run_failed\{.*dure_schedule_name="nightly"\} 1$/m,
    /^dure_consumer_dead_letters\{.*messaging_consumer_group_name="shop\/sales-1\/sold"\} 1$/m,
    /^dure_model_age_seconds\{.*dure_model_name="sales",dure_model_state="serving"\} 0$/m,
  )
})
