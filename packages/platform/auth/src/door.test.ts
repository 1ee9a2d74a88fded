import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { auth } from './auth.ts'
import { configure, logIn, PASSWORD, SHOP, temporary } from './auth.test-support.ts'

test('as a door of a system it opens and closes with it, and its users are there meanwhile', async (t) => {
  const door = auth({ ...SHOP, port: 0 })
  assert.throws(() => door.users, /is not open in this process/)
  const hello = service(contract('hello', { version: '1.0.0', owner: 'tests', operations: { say: query({}) } }), {
    handlers: { say: () => undefined },
  })
  const options = { directory: temporary(t), log: silentLogger() }
  const running = await start(system('shop', { services: [hello], doors: [door], telemetry: false }), options)
  t.after(() => running.stop())
  const url = running.doors[0]!.url!
  await door.users.add({ name: 'ana', password: PASSWORD })
  assert.equal(door.keys.list().length, 1)
  const { tokens } = await logIn(await configure(url))
  assert.ok(tokens.access_token)
  await running.stop()
  await assert.rejects(fetch(url))
  assert.throws(() => door.keys, /is not open in this process/)
})
