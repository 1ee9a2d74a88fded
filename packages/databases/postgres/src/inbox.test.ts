import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { createInbox, inboxTable } from 'dure/inbox'
import { virtualRuntime } from 'dure/runtime'
import { transactionOn } from './inbox.ts'
import { RELAXED, testServer } from './server.test-support.ts'

test("the inbox in transactions of the application's own: an effect once, also when two get the message at once", async () => {
  const server = await testServer({ version: 18, settings: RELAXED })
  const [one, other] = [new Client(server.url()), new Client(server.url())]
  await Promise.all([one.connect(), other.connect()])
  for (let twice = 0; twice < 2; twice++) await one.query(inboxTable)
  await one.query('CREATE TABLE letters (id TEXT)')
  const runtime = virtualRuntime()
  const inbox = createInbox({ runtime, retention: 1_000 })
  const consume = async (client: Client, id: string, effect: () => Promise<unknown>): Promise<boolean> => {
    await client.query('BEGIN')
    try {
      const fresh = await inbox.mark(transactionOn(client), 'mail', id)
      if (fresh) await effect()
      await client.query('COMMIT')
      return fresh
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    }
  }
  const write = (client: Client) => (): Promise<unknown> => client.query("INSERT INTO letters VALUES ('a')")
  const failing = consume(one, 'a', async () => {
    await write(one)()
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  // The second waits for how the first ends.
  const both = await Promise.all([consume(one, 'a', write(one)), consume(other, 'a', write(other))])
  assert.deepEqual(both.toSorted(), [false, true])
  assert.equal((await one.query('SELECT * FROM letters')).rowCount, 1)

  await runtime.advance(1_001)
  for (let n = 0; n < 512; n++) await inbox.mark(transactionOn(one), 'mail', `later ${n}`)
  const { rows } = await one.query("SELECT * FROM dure_inbox WHERE message_id = 'a'")
  assert.deepEqual(rows, [])
  await Promise.all([one.end(), other.end()])
})
