import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication'
import { realRuntime } from 'dure/runtime'
import { testServer } from '../../server.test-support.ts'
import { eventually, LOGICAL } from './wal.test-support.ts'
import { lsnOf, lsnText, type Lsn } from './lsn.ts'
import { openReplication } from './replication.ts'
import { PUBLICATION } from './slots.ts'

const server = await testServer({ settings: LOGICAL })

test('places in the log are numbers that look as the server writes them', () => {
  for (const text of ['0/0', '0/866C70', '16/B374D848', 'FFFFFFFF/FFFFFFFF']) assert.equal(lsnText(lsnOf(text)), text)
  assert.ok(lsnOf('1/0') > lsnOf('0/FFFFFFFF'))
})

/** Two commits that lie side by side in the log. */
async function sideBySide(database: string) {
  const root = new Client({ connectionString: server.url() })
  await root.connect()
  await root.query(`CREATE DATABASE ${database}`)
  await root.end()
  const url = server.url(database)
  const [a, b] = [new Client({ connectionString: url }), new Client({ connectionString: url })]
  await a.connect()
  await b.connect()
  await a.query(`CREATE PUBLICATION ${PUBLICATION}`)
  await a.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [database])
  await a.query('BEGIN')
  await a.query(`SELECT pg_logical_emit_message(true, 'test', '1')`)
  await b.query('BEGIN')
  await b.query(`SELECT pg_logical_emit_message(true, 'test', '2')`)
  await a.query('COMMIT')
  await b.query('COMMIT')
  return {
    url,
    confirmed: async (): Promise<Lsn> =>
      lsnOf(
        (await a.query('SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = $1', [database])).rows[0]
          .lsn,
      ),
    free: () =>
      eventually(
        async () =>
          (await a.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [database])).rowCount === 1,
      ),
    close: async () => {
      await a.query('SELECT pg_drop_replication_slot($1)', [database])
      await a.end()
      await b.end()
    },
  }
}

test('after the first of two commits is confirmed, the second one comes; the library confirms a byte more, and it never does', async () => {
  // Ours: the place is the first byte behind the commit.
  const ours = await sideBySide('ours')
  const messages: string[] = []
  const ends: Lsn[] = []
  const read = (until: () => boolean) => async (confirm: boolean) => {
    const stream = await openReplication({
      ...{ connection: { connectionString: ours.url }, name: 'test', slot: 'ours' },
      ...{ runtime: realRuntime(), interval: 1_000, patience: 60_000 },
      reader: {
        begin: () => {},
        message: (_, content) => void messages.push(content),
        commit: (end) => void ends.push(end),
        position: () => {},
      },
    })
    await eventually(until)
    if (confirm) stream.confirm(ends[0]!)
    await stream.end()
    await ours.free()
  }
  await read(() => ends.length >= 2)(true)
  assert.deepEqual(messages, ['1', '2'])
  assert.equal(await ours.confirmed(), ends[0])
  messages.length = 0
  await read(() => messages.length > 0)(false)
  assert.deepEqual(messages, ['2'])
  await ours.close()

  // Why it is ours: the library's.
  const theirs = await sideBySide('theirs')
  const confirmedOf = async (): Promise<Lsn> => {
    const service = new LogicalReplicationService(
      { connectionString: theirs.url },
      { acknowledge: { auto: false, timeoutSeconds: 0 } },
    )
    const commits: string[] = []
    service.on('data', (lsn: string, said: { tag: string }) => void (said.tag === 'commit' && commits.push(lsn)))
    service.on('error', () => {})
    void service
      .subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: [PUBLICATION], messages: true }), 'theirs')
      .catch(() => {})
    await eventually(() => commits.length === 2)
    await service.acknowledge(commits[0]!)
    await eventually(async () => (await theirs.confirmed()) > lsnOf(commits[0]!))
    await service.stop()
    return lsnOf(commits[0]!)
  }
  const first = await confirmedOf()
  assert.equal(await theirs.confirmed(), first + 1n, 'so the server holds the commit that begins there for done with')
  await theirs.free()
  await theirs.close()
})
