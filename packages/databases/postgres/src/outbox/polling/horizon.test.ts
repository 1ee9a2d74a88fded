import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { onServers, publish, type Place } from '../outbox.test-support.ts'
import type { Horizon, PollingRelay } from '../outbox.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

const heldBy = async (relay: PollingRelay, wanted: (horizon: Horizon | undefined) => boolean): Promise<Horizon | undefined> => {
  while (!wanted(relay.state().horizon)) await new Promise((resolve) => setImmediate(resolve))
  return relay.state().horizon
}

/** So many messages delivered and none left behind, while somebody holds the horizon. */
async function assertGoesOn(place: Place, relay: PollingRelay, got: readonly unknown[]): Promise<void> {
  const before = got.length
  for (let n = 0; n < 20; n++) await place.publish({ type: 'counted', key: `key-${n}`, data: n })
  await relay.flush()
  assert.equal(got.length, before + 20)
}

check('a session left idle in a transaction delays nothing, and is named with its process and how long', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { lease: 200, horizon: 0 } })
  assert.equal(await heldBy(relay, (horizon) => horizon === undefined), undefined)
  const idle = await place.client()
  await idle.query(`SET application_name = 'nightly report'`)
  await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  const { rows } = await idle.query<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM dure_outbox_lanes LIMIT 1')
  const horizon = await heldBy(relay, (held) => held?.name === 'nightly report')
  assert.deepEqual(
    [horizon!.holder, horizon!.pid, horizon!.database],
    ['session', rows[0]!.pid, new URL(place.url).pathname.slice(1)],
  )
  const { seconds } = horizon!
  assert.ok(seconds! >= 0)
  await heldBy(relay, (held) => held?.name === 'nightly report' && held.seconds! > seconds!)
  await assertGoesOn(place, relay, got)
  await idle.query('ROLLBACK')
  await heldBy(relay, (held) => held?.name !== 'nightly report')
})

check('so is one that writes in another database of the server', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { lease: 200, horizon: 0 } })
  const idle = await place.client(place.server.url())
  await idle.query(`SET application_name = 'elsewhere'`)
  await idle.query('BEGIN')
  const { rows } = await idle.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_current_xact_id()')
  const horizon = await heldBy(relay, (held) => held?.name === 'elsewhere')
  assert.deepEqual([horizon!.pid, horizon!.database], [rows[0]!.pid, 'postgres'])
  await assertGoesOn(place, relay, got)
})

check('a prepared transaction that nobody ends is named', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { lease: 200, horizon: 0 } })
  const one = await place.client()
  await one.query('BEGIN')
  await one.query('CREATE TABLE forgotten (id int)')
  await one.query(`PREPARE TRANSACTION 'forgotten'`)
  const horizon = await heldBy(relay, (held) => held?.name === 'forgotten')
  assert.deepEqual([horizon!.holder, horizon!.pid], ['prepared transaction', undefined])
  await assertGoesOn(place, relay, got)
  await place.pool.query(`ROLLBACK PREPARED 'forgotten'`)
})

check('a transaction that publishes and is left open holds back its own messages alone', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { lease: 200, horizon: 0 } })
  const idle = await place.client()
  await idle.query(`SET application_name = 'forgot to commit'`)
  await idle.query('BEGIN')
  await publish(idle, { type: 'counted', key: 'its own', data: 0 })
  await heldBy(relay, (held) => held?.name === 'forgot to commit')
  await assertGoesOn(place, relay, got)
})
