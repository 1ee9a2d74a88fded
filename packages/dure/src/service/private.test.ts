import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, error, event, PERSONAL, query, SECRET } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { NonRetryableError } from '../messaging/messaging.ts'
import { createLogger, type Span } from '../telemetry/telemetry.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, start, system } from './service.ts'

const EMAIL = 'ann.private@example.org'
const TOKEN = 'tok-4711-private'
const Registered = event('customer.registered', {
  schema: z.object({ id: z.string(), email: z.string().meta(PERSONAL), token: z.string().meta(SECRET) }),
  key: ({ id }) => id,
})
const Unknown = error('UNKNOWN_CUSTOMER', { data: z.object({ why: z.string() }), message: ({ why }) => why })
const Customers = contract('customers', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    register: command({ input: Registered.schema }),
    find: query({ input: z.object({ email: z.string().meta(PERSONAL) }), errors: { Unknown } }),
    broken: query({ input: z.object({ email: z.string().meta(PERSONAL) }) }),
  },
  events: [Registered],
})

/** Everything that leaves a system by its logs, its spans and what operators are shown. */
async function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-private-'))
  const lines: string[] = []
  const spans: Span[] = []
  let failing = true
  const customers = service(Customers, {
    database: database({ migrations: {} }),
    handlers: {
      register: (input, { database, log }) => {
        log.info('Registering', { input, email: input.email, customer: [{ ...input }] })
        return database.transaction((tx) => tx.publish(Registered, input))
      },
      find: ({ email }) => {
        throw Unknown({ why: `There is no ${email}` })
      },
      broken: ({ email }) => {
        throw new Error(`Cannot look for ${email}`, { cause: new TypeError(`not ${email}`) })
      },
    },
    subscriptions: ({ on }) => [
      on(Registered, ({ data }) => {
        if (failing) throw new NonRetryableError(`Mail to ${data.email} (${data.token}) came back`)
      }),
    ],
  })
  const keep = () => ({
    name: 'keep',
    take: (span: Span) => void spans.push(span),
    dropped: () => 0,
    flush: async () => {},
    stop: async () => {},
  })
  const running = await start(system('shop', { services: [customers], telemetry: { sampling: 1, exporters: [keep] } }), {
    directory,
    log: createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line), level: 'debug' }),
  })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = running.client(Customers)
  return { client, lines, spans, letters: running.deadLetters('customers')!, mend: () => void (failing = false), running }
}

function leaves(nothing: unknown): void {
  const text = JSON.stringify(nothing)
  for (const value of [EMAIL, TOKEN]) assert.ok(!text.includes(value), `${value} left in ${text}`)
}

async function until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('a log line of a handler says which fields there were, and not what they held', async (t) => {
  const { client, lines } = await rig(t)
  await client.register({ id: 'c1', email: EMAIL, token: TOKEN })
  const line = lines.find((one) => one.includes('Registering'))!
  leaves(lines)
  const { input, email } = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual([input, email], [{ id: 'c1', email: '[personal]', token: '[secret]' }, '[personal]'])
})

test('what a call fails with is told to its caller, and to spans and logs without what its input hides', async (t) => {
  const { client, lines, spans } = await rig(t)
  await assert.rejects(client.find({ email: EMAIL }), { message: `There is no ${EMAIL}` })
  await assert.rejects(client.broken({ email: EMAIL }), { code: 'INTERNAL' })
  const failed = spans.filter(({ status }) => status === 'error')
  assert.deepEqual(
    failed.map(({ attributes }) => attributes['exception.message']),
    ['There is no [personal]', 'Cannot look for [personal]'],
  )
  assert.match(lines.join(''), /Cannot look for \[personal\].*not \[personal\]/s)
  leaves([lines, spans])
})

test('a dead letter is shown without it, is edited around it, and is delivered whole', async (t) => {
  const { client, lines, spans, letters, mend, running } = await rig(t)
  await client.register({ id: 'c1', email: EMAIL, token: TOKEN })
  const letter = await until(async () => (await letters.list())[0])
  const shown = await letters.show(letter.id)
  assert.deepEqual(JSON.parse(shown.message.data), { id: 'c1', email: '[personal]', token: '[secret]' })
  assert.match(shown.error, /Mail to \[personal\] \(\[secret\]\) came back/)
  leaves([letter, shown, await letters.groups(), lines, spans])

  await letters.edit(letter.id, JSON.stringify({ id: 'c1', email: '[personal]', token: 'tok-new' }), 'A new token')
  const edited = await letters.show(letter.id)
  leaves([edited, await letters.audit()])
  assert.ok(!JSON.stringify(edited).includes('tok-new'))
  mend()
  assert.equal(await letters.retry(), 1)
  await until(async () =>
    (await running.status()).services.every(({ dead, waiting }) => dead + waiting === 0) ? true : undefined,
  )
})
