import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { collector } from '../../collector.test-support.ts'
import { startServer } from '../../server/server.ts'
import { placeOn, publish } from '../../place.test-support.ts'
import { eventually, LOGICAL, onServers, rung, withLog, type Place } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

/** Of the system, which not every system has. */
const [MOUNT, UMOUNT] = ['mount', 'umount']
const run = (program: string, values: readonly string[]) => spawnSync(program, values)

/** Orders that are placed whatever happens to the server, each with its event; answers with those that are in the database. */
function placing(place: Place): () => Promise<readonly string[]> {
  let going = true
  const customer = async (who: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const work = place.transaction(async (client) => {
        const id = `${who}-${n}`
        await client.query('INSERT INTO orders (id, note) VALUES ($1, $2)', [id, 'x'.repeat(200)])
        await publish(client, { type: 'order.placed', key: `customer-${who}`, data: id, id })
      })
      await work.catch(() => new Promise((resolve) => setTimeout(resolve, 20)))
    }
  }
  const all = Promise.all([0, 1, 2].map(customer))
  return async () => {
    going = false
    await all
    return (await place.pool.query<{ id: string }>('SELECT id FROM orders')).rows.map(({ id }) => id)
  }
}

/** Every order has its event, once at the effect; of each customer they came first in order. */
function assertEvents(got: readonly { readonly id: string; readonly key: string }[], orders: readonly string[]): void {
  const seen = new Set<string>()
  const firsts = got.filter(({ id }) => !seen.has(id) && seen.add(id))
  assert.deepEqual(firsts.map(({ id }) => id).toSorted(), orders.toSorted())
  for (const [key, own] of Map.groupBy(firsts, (message) => message.key)) {
    const numbers = own.map(({ id }) => Number(id.split('-')[1]))
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      key,
    )
  }
}

check(
  'PostgreSQL stopped, killed and started again under load: every order has its event, each customer’s in order',
  async (place) => {
    await place.pool.query('CREATE TABLE orders (id text PRIMARY KEY, note text)')
    const { got, deliver, broker } = collector()
    const relay = place.relay(deliver)
    await relay.use('wal')
    const stop = placing(place)
    for (const how of ['stop', 'crash', 'stop', 'crash', 'stop'] as const) {
      await relay.use('wal')
      const before = got.length
      await eventually(() => got.length > before + 50)
      // A server that is shut down sends all it has and waits to hear that it is done with, which it is not now.
      broker.down = how === 'stop'
      if (broker.down) await eventually(() => relay.state().oldest !== undefined)
      await place.server[how]()
      await place.server.start()
      broker.down = false
    }
    const orders = await stop()
    await relay.flush()
    assertEvents(got, orders)
  },
)

const [mountable, why] = ((): readonly [boolean, string] => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [false, 'needs server: root, to mount a small disk']
  const folder = mkdtempSync(join(tmpdir(), 'dure-mount-'))
  const { status } = run(MOUNT, ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (status === 0) run(UMOUNT, [folder])
  rmSync(folder, { recursive: true })
  return [status === 0, 'needs server: a system that lets a small disk be mounted']
})()

test(
  'the disk of the log fills up while the broker is down: the alarm has rung, and when there is room again every order has its event',
  { skip: mountable ? false : why, timeout: 180_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-postgres-disk-'))
    const disk = join(directory, 'disk')
    const wal = join(directory, 'data', 'pg_wal')
    const server = await startServer({
      directory,
      password: 'secret',
      settings: { ...LOGICAL, max_wal_size: '4MB', min_wal_size: '2MB' },
    })
    try {
      await server.stop()
      const { uid, gid } = statSync(wal)
      mkdirSync(disk)
      assert.equal(run(MOUNT, ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status, 0)
      cpSync(wal, join(disk, 'pg_wal'), { recursive: true })
      assert.equal(run('chown', ['-R', `${uid}:${gid}`, disk]).status, 0)
      chownSync(directory, uid, gid)
      rmSync(wal, { recursive: true })
      symlinkSync(join(disk, 'pg_wal'), wal)
      await server.start()

      const place = withLog(await placeOn(server, 'disk'))
      try {
        await place.pool.query('CREATE TABLE orders (id text PRIMARY KEY, note text)')
        const { got, deliver, broker } = collector()
        // However slow the machine is: nobody is suspected while the broker is down.
        const relay = place.relay(deliver, { limits: { lag: 4 * 1024 * 1024, patience: 600_000 } })
        await relay.use('wal')
        const stop = placing(place)
        await eventually(() => got.length > 100)
        broker.down = true
        await eventually(() => relay.state().rung.lag > 0)
        await place.pool.query('CREATE TABLE filler (data text)')
        const fill = async (): Promise<void> => {
          for (;;) await place.pool.query(`INSERT INTO filler SELECT repeat(md5(n::text), 32) FROM generate_series(1, 1000) AS n`)
        }
        await fill().catch(() => {})
        await eventually(() => server.log().some((line) => /No space left on device/.test(line)))
        assert.ok(rung(place, /^warn .*MiB of the log wait for the relay .*mind the room in pg_wal/))

        // Somebody heard it.
        assert.equal(run(MOUNT, ['-o', 'remount,size=256m', disk]).status, 0)
        // It recovers first: PostgreSQL 18 that is told to stop in the midst of that never does. Where it tried before there was
        // room, it has given up and is to be started.
        await eventually(async () => {
          await server.start().catch(() => {})
          return place.pool.query('SELECT 1').then(Boolean, () => false)
        })
        await server.stop()
        await server.start()
        broker.down = false
        await relay.use('wal')
        await eventually(() => relay.state().alarm === undefined)
        const orders = await stop()
        await relay.flush()
        assertEvents(got, orders)
      } finally {
        await place.close()
      }
    } finally {
      await server.close()
      run(UMOUNT, [disk])
      rmSync(directory, { recursive: true, force: true })
    }
  },
)
