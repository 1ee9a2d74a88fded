import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { command, contract, event, type AnyEvent } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, SystemError, type Running, type Service } from 'dure/service'
import { createLogger, silentLogger, type Logger } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { z } from 'zod'
import { registry, type RegistryOptions } from './events.ts'
import { asking, started, temporary } from './registry.test-support.ts'
import { wireFormat } from './wire-format.ts'

const key = (placed: { readonly orderId: string }): string => placed.orderId
const placed = (schema: z.ZodObject, more: object = {}): AnyEvent => event('order.placed', { schema, key: key as never, ...more })
const V1 = placed(z.object({ orderId: z.string(), total: z.number(), at: z.date() }))
const WIDER = placed(z.object({ orderId: z.string(), total: z.number(), at: z.date(), note: z.string().optional() }))
const NARROWER = placed(z.object({ orderId: z.string(), at: z.date(), total: z.string() }))
const TWO = placed(
  z.object({ orderId: z.string(), at: z.date(), amount: z.object({ value: z.number(), currency: z.string() }) }),
  {
    version: 2,
    upcast: { 1: ({ total, ...old }: { total: number }) => ({ ...old, amount: { value: total, currency: 'KRW' } }) },
  },
)

const orders = (Placed: AnyEvent): Service =>
  service(
    contract('orders', {
      version: '1.0.0',
      owner: 'tests',
      operations: { place: command({ input: z.record(z.string(), z.unknown()) }) },
      events: [Placed],
    }),
    {
      database: database({ migrations: {} }),
      handlers: {
        place: (data, { database }) => database.transaction((tx) => tx.publish(Placed, { ...data, at: new Date(0) } as never)),
      },
    },
  ) as never
const billing = (Placed: AnyEvent, seen: unknown[] = []): Service =>
  service(contract('billing', { version: '1.0.0', owner: 'tests', operations: {} }), {
    database: database({ migrations: {} }),
    handlers: {},
    subscriptions: ({ on }) => [on(Placed, ({ data }) => void seen.push(data))],
  }) as never

async function run(
  t: TestContext,
  options: {
    readonly url: string
    readonly directory: string
    readonly services: readonly Service[]
    readonly log?: Logger
  } & Partial<RegistryOptions>,
): Promise<Running> {
  const { url, directory, services, log = silentLogger(), ...more } = options
  const running = await start(system('shop', { services, telemetry: false, schemas: registry({ url, ...more }) }), {
    directory,
    log,
  })
  t.after(() => running.stop())
  return running
}

const place = (running: Running, Placed: AnyEvent, data: object): Promise<unknown> =>
  (running.client(orders(Placed).contract) as unknown as { place: (data: object) => Promise<unknown> }).place(data)

const problemsOf = async (starting: Promise<unknown>): Promise<string> => {
  try {
    await starting
  } catch (error) {
    assert.ok(error instanceof SystemError, String(error))
    return error.problems.join('\n')
  }
  return 'started'
}

test('what services announce is registered, and what comes later may say more', async (t) => {
  const { url, ask } = await started(t)
  const directory = temporary(t)
  await (await run(t, { url, directory, services: [orders(V1), billing(V1)] })).stop()
  const { body } = await ask('GET /subjects/order.placed-value/versions/1/schema')
  const { properties, ...document } = body as { readonly properties: Readonly<Record<string, unknown>> }
  assert.deepEqual(Object.keys(properties), ['orderId', 'total', 'at'])
  assert.equal((document as unknown as Readonly<Record<string, unknown>>)['x-dure-schema-version'], 1)
  await (await run(t, { url, directory, services: [orders(WIDER), billing(WIDER)] })).stop()
  // Started again, and as it was before: nothing new.
  for (const Placed of [WIDER, V1]) await (await run(t, { url, directory, services: [orders(Placed)] })).stop()
  assert.deepEqual((await ask('GET /subjects/order.placed-value/versions')).body, [1, 2])
})

test('an event that breaks consumers refuses the start, and names them, the fields and the version', async (t) => {
  const { url, ask } = await started(t)
  const directory = temporary(t)
  await (await run(t, { url, directory, services: [orders(V1), billing(V1)] })).stop()
  const said = await problemsOf(run(t, { url, directory, services: [orders(NARROWER), billing(NARROWER)] }))
  assert.match(
    said,
    /^Service "orders" announces "order\.placed", but that is not what version 1 of "order\.placed-value" in the registry says: /,
  )
  assert.match(said, /total may be string \(was number\)/)
  assert.match(
    said,
    /It breaks "billing" \(reads version 1\), as they run now; publish what they read, or a new version of the event with an upcast/,
  )
  assert.deepEqual((await ask('GET /subjects/order.placed-value/versions')).body, [1])
  // What the registry refuses of its own is told as well.
  await ask('PUT /config/order.placed-value', { compatibility: 'FULL' })
  await ask('POST /subjects/other-value/versions', { schema: '"string"' })
  const other = await problemsOf(run(t, { url, directory, services: [orders(V1)], subject: () => 'other-value' }))
  assert.match(
    other,
    /but the registry refuses it under "other-value": .*version 1 is AVRO and this is JSON\. Who reads it is not in this system/,
  )
})

test('an old version that is registered is read by new code, through its upcast', async (t) => {
  const { url, ask } = await started(t)
  const directory = temporary(t)
  const seen: unknown[] = []
  const before = await run(t, { url, directory, services: [orders(V1)] })
  await place(before, V1, { orderId: 'o-1', total: 5 })
  await before.stop()
  const after = await run(t, { url, directory, services: [orders(TWO), billing(TWO, seen)] })
  await place(after, TWO, { orderId: 'o-2', amount: { value: 7, currency: 'EUR' } })
  while (seen.length < 2) await new Promise((resolve) => void setTimeout(resolve, 5))
  assert.deepEqual(seen, [
    { orderId: 'o-1', at: new Date(0), amount: { value: 5, currency: 'KRW' } },
    { orderId: 'o-2', at: new Date(0), amount: { value: 7, currency: 'EUR' } },
  ])
  // Both versions stay where programs in other languages find them.
  assert.deepEqual((await ask('GET /subjects')).body, ['order.placed-v2-value', 'order.placed-value'])
})

test('a consumer that reads another version, or another schema, is named when the system is put together', async () => {
  const put = (a: AnyEvent, b: AnyEvent): Promise<string> =>
    problemsOf((async () => system('shop', { services: [orders(a), billing(b)] }))())
  assert.match(
    await put(TWO, V1),
    /"orders" announces version 2 of "order\.placed", and "billing" reads version 1; give "billing" the event/,
  )
  assert.match(
    await put(V1, NARROWER),
    /"billing" reads another one, in which total may be number \(was string\); let both use one schema/,
  )
  assert.equal(await put(V1, placed(z.object({ orderId: z.string() }))), 'started')
})

test('a user and a password in the url go into a header, and what is no url is refused at once', async (t) => {
  let given: string | undefined
  const server = createServer(({ headers }, response) => {
    given = headers.authorization
    response.end('{"id":1}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://me:s%40@127.0.0.1:${(server.address() as AddressInfo).port}/`
  await (await run(t, { url, directory: temporary(t), services: [orders(V1)] })).stop()
  assert.equal(given, `Basic ${Buffer.from('me:s@').toString('base64')}`)
  assert.throws(() => registry({ url: 'registry' }), /Cannot use the url of the schema registry/)
})

test('a registry that is down stops nobody whose schemas it has seen, and says so; what it has not seen is refused', async (t) => {
  const { url, stop } = await started(t)
  const directory = temporary(t)
  await (await run(t, { url, directory, services: [orders(V1)] })).stop()
  await stop()
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  await (await run(t, { url, directory, services: [orders(V1)], log })).stop()
  const told = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>).find(({ level }) => level === 'warn')
  assert.equal(told?.['message'], 'Goes on without the schema registry, which knows the schema already')
  assert.deepEqual([told?.['event'], told?.['id'], told?.['why']], ['order.placed', 1, 'the connection was refused'])
  const unknown = await problemsOf(run(t, { url: url.replace('//', '//u:secret@'), directory, services: [orders(WIDER)] }))
  assert.match(
    unknown,
    /^The schema of "order\.placed" cannot be told to the schema registry at http:\/\/127\.0\.0\.1:\d+: .*never told there from this directory; start the registry/,
  )
  assert.doesNotMatch(unknown, /secret/)
})

test('one that is frozen, or no registry at all, is as one that is down', async (t) => {
  const program = fileURLToPath(import.meta.resolve('./killed.child.test-support.ts'))
  const child = spawn(process.execPath, ['--conditions=dure-source', program, temporary(t)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  const directory = temporary(t)
  await (await run(t, { url, directory, services: [orders(V1)] })).stop()
  child.kill('SIGSTOP')
  await (await run(t, { url, directory, services: [orders(V1)], timeout: 300 })).stop()
  assert.match(
    await problemsOf(run(t, { url, directory, services: [orders(WIDER)], timeout: 300 })),
    /did not answer within 300 ms/,
  )
  child.kill('SIGCONT')
  await (await run(t, { url, directory, services: [orders(WIDER)] })).stop()
  const answers: readonly (readonly [number, string, RegExp])[] = [
    [200, '<html>', /no schema registry: its answer is not JSON/],
    [200, '{"id":"one"}', /has "one" where a number is to be/],
    [503, '{}', /answered 503/],
    [401, '{"error_code":401,"message":"Unauthorized"}', /refuses it under "order\.placed-value": Unauthorized/],
    [200, `{"a":"${'x'.repeat(17_000_000)}"}`, /larger than 16777216 bytes/],
  ]
  for (const [status, body, why] of answers) {
    const server = createServer((_request, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const strange = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    assert.match(await problemsOf(run(t, { url: strange, directory, services: [orders(V1)] })), why)
    server.closeAllConnections()
    server.close()
  }
})

test('the wire format carries an event to whoever has the registry, in JSON and in Avro', async (t) => {
  const { url } = await started(t)
  const wire = wireFormat({ url })
  const json = { type: 'JSON', text: JSON.stringify({ type: 'object', properties: { orderId: { type: 'string' } } }) } as const
  const bytes = await wire.encode('order.placed-value', json, { orderId: 'o-1' })
  assert.deepEqual([...bytes.subarray(0, 5)], [0, 0, 0, 0, 1])
  assert.deepEqual(await wireFormat({ url }).decode(bytes), { id: 1, value: { orderId: 'o-1' } })
  const avro = (...fields: readonly object[]) =>
    ({ type: 'AVRO', text: JSON.stringify({ type: 'record', name: 'O', fields }) }) as const
  const old = avro({ name: 'orderId', type: 'string' })
  const binary = await wire.encode('avro-value', old, { orderId: 'o-2' })
  const reader = avro({ name: 'orderId', type: 'string' }, { name: 'note', type: 'string', default: '-' })
  assert.deepEqual({ ...((await wire.decode(binary, reader)).value as object) }, { orderId: 'o-2', note: '-' })
  await assert.rejects(wire.encode('avro-value', old, { orderId: 5 }), /invalid "string": 5/)
  const wrong: readonly (readonly [readonly number[], RegExp])[] = [
    [[], /wire format \(0 bytes, the first is missing\)/],
    [[0, 0, 0], /wire format \(3 bytes/],
    [[...Buffer.from('{"a":1}')], /the first is 123/],
    [[0, 0, 0, 0, 99], /Schema 99 not found/],
    [[0, 0, 0, 0, 1, 123], /Cannot read the message by schema 1/],
    [[...binary.subarray(0, 6)], /by schema 2: truncated/],
    [[...binary, 0], /by schema 2: trailing data/],
  ]
  for (const [given, why] of wrong) await assert.rejects(wire.decode(Uint8Array.from(given)), why)
  assert.equal((await asking(url)('GET /subjects')).status, 200)
})
