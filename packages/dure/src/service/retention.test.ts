import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { contract, event } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { embeddedBroker } from '../messaging/messaging.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, type InboxOptions, type Running } from './service.ts'

const DAY = 86_400_000
const Seen = event('seen', { schema: z.object({ key: z.string() }), key: ({ key }) => key })

/** A service that reacts to a topic kept for so many days. */
async function run(t: TestContext, days: number, inbox?: InboxOptions): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-retention-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const copy = service(contract('copy', { version: '1.0.0', owner: 'tests', operations: {}, events: [Seen] }), {
    database: database({ migrations: {} }),
    handlers: {},
    ...(inbox === undefined ? {} : { inbox }),
    subscriptions: ({ on }) => [on(Seen, () => {})],
  })
  const broker: Parameters<typeof system>[1]['broker'] = async (world) => {
    const embedded = await embeddedBroker()(world)
    await embedded.declareTopic(Seen.name, { retention: { ms: days * DAY } })
    return embedded
  }
  return start(system('retaining', { services: [copy], broker: broker! }), { directory, log: silentLogger() })
}

test('a service remembers for longer than its topics are kept, whatever that is, unless it says otherwise', async (t) => {
  for (const days of [1, 7, 90]) await (await run(t, days)).stop()
  await (await run(t, 2, { retention: 3 * DAY })).stop()
})

test('a service that says it remembers for less does not start, and both figures are said', async (t) => {
  await assert.rejects(run(t, 30, { retention: 20 * DAY }), {
    code: 'FAILED_PRECONDITION',
    message: /consumer "copy\/seen": its inbox remembers messages for 20 days, .* topic "seen" again for 30 days/,
  })
})
