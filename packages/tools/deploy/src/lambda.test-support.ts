/**
 * `lambda.test-support.ts RIE`: a service of examples/function is an image that AWS's emulator of Lambda runs under podman, on PostgreSQL and NATS.
 * A line for each check, and what a start and a call take.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsBroker } from '@dure/nats'
import { startServer } from '@dure/postgres/server'
import { check } from '@dure/testing/foreign'
import { openPodman } from '@dure/testing/podman'
import { freePort, startLocalServer } from '@dure/testing/servers'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import pg from 'pg'
import { until } from './containers.test-support.ts'
import { buildImage, exportImage } from './deploy.ts'

const [rie = 'aws-lambda-rie'] = process.argv.slice(2)
const example = join(import.meta.dirname, '../../../../examples/function')
const folder = mkdtempSync(join(tmpdir(), 'dure-lambda-peers-'))
const layout = join(folder, 'layout')
const { podman, close } = openPodman(join(folder, 'podman'))
const [database, nats] = await Promise.all([startServer({ programs: 'embedded' }), startLocalServer('nats')])
const sql = new pg.Pool({ connectionString: database.url() })
const broker = await natsBroker({ servers: nats.url })({ runtime: realRuntime(), log: silentLogger() })

/** What was published, by whoever waits for it elsewhere. */
const heard: { readonly type: string; readonly key: string; readonly id: string }[] = []
for (const topic of ['order.placed', 'order.paid']) await broker.declareTopic(topic)
await broker.subscribe({
  group: 'peers',
  topics: ['order.placed', 'order.paid'],
  deliver: async (batch) => void heard.push(...batch.map(({ message }) => message)),
})

await buildImage({ folder: example, layout, tag: 'function', program: ['function.ts'] })
await exportImage(layout, `${layout}.tar`, { tag: 'function' })
const [image = ''] = /\S+:function/.exec(await podman('load', '--input', `${layout}.tar`)) ?? []

type Instance = { readonly id: string; readonly invoke: (event: object) => Promise<Answer>; readonly began: number }
type Answer = { readonly statusCode?: number; readonly body?: string; readonly [more: string]: unknown }

/** An instance of the function; its first invocation starts it. */
async function instance(environment: Readonly<Record<string, string>> = {}): Promise<Instance> {
  const [port, api] = [await freePort(), await freePort()]
  const variables = {
    ...{ DATABASE_URL: database.url(), NATS_URL: nats.url, NODE_OPTIONS: '--conditions=dure-source' },
    ...environment,
  }
  const flags = Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const places = ['--network=host', '--read-only', '--cap-drop=all', '--tmpfs=/tmp:mode=1777', `--volume=${rie}:/rie:ro`]
  const addresses = [
    ...['--runtime-interface-emulator-address', `127.0.0.1:${port}`],
    ...['--runtime-api-address', `127.0.0.1:${api}`],
  ]
  const began = performance.now()
  const id = await podman(
    'run',
    '--detach',
    ...flags,
    ...places,
    '--entrypoint=/rie',
    image,
    ...addresses,
    '/usr/bin/node',
    'function.ts',
  )
  const url = `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`
  await until(() =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  )
  return {
    id,
    began,
    invoke: async (event) => {
      const text = await (await fetch(url, { method: 'POST', body: JSON.stringify(event) })).text()
      try {
        return JSON.parse(text) as Answer
      } catch {
        throw new Error(`It answered "${text}": ${await podman('logs', id)}`)
      }
    },
  }
}

const http = (route: string, body?: unknown): object => {
  const [method, rawPath] = route.split(' ')
  return {
    ...{ version: '2.0', rawPath, rawQueryString: '', headers: { host: 'shop.example', 'content-type': 'application/json' } },
    requestContext: { stage: '$default', http: { method } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
}
const batch = (bodies: Readonly<Record<string, unknown>>): object => ({
  Records: Object.entries(bodies).map(([messageId, body]) => ({
    ...{ messageId, body: JSON.stringify(body), eventSource: 'aws:sqs', attributes: { SentTimestamp: '1700000000000' } },
    eventSourceARN: 'arn:aws:sqs:ap-northeast-2:123456789012:payment',
  })),
})

let table = ''
/** Rows of its outbox, as the database has them. */
async function outbox(): Promise<number> {
  if (table === '') {
    const { rows } = await sql.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE tablename = 'dure_outbox'`,
    )
    table = rows[0]!.name
  }
  const { rows } = await sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)
  return Number(rows[0]!.n)
}
const paid = async ({ invoke }: Instance, orderId: string): Promise<number> =>
  (JSON.parse((await invoke(http(`GET /orders/${orderId}`))).body!) as { paid: number }).paid

const first = await instance()
let cold = 0
await check('a request is answered by the routes of the contract, and its event is with the broker', async () => {
  const placed = await first.invoke(http('POST /orders', { orderId: 'a' }))
  cold = performance.now() - first.began
  assert.deepEqual([placed.statusCode, placed.body], [200, '{"orderId":"a","paid":0}'])
  assert.equal(await outbox(), 0)
  await until(() => heard.some(({ key }) => key === 'a'))
})

await check('its outbox is empty behind each of 100 calls, and each was announced once', async () => {
  for (let n = 0; n < 100; n++) {
    assert.equal((await first.invoke(http('POST /orders', { orderId: `n${n}` }))).statusCode, 200)
    assert.equal(await outbox(), 0, `behind call ${n}`)
  }
  await until(() => heard.length >= 101)
  assert.equal(new Set(heard.map(({ id }) => id)).size, heard.length)
})

await check('a batch has its effects once, though it is brought three times; what nobody knows comes again alone', async () => {
  const event = batch({ 1: { orderId: 'a', amount: 1 }, 2: { orderId: 'a', amount: 10 }, 3: { orderId: 'n1', amount: 5 } })
  for (let n = 0; n < 3; n++) assert.deepEqual(await first.invoke(event), { batchItemFailures: [] })
  assert.deepEqual([await paid(first, 'a'), await paid(first, 'n1'), await outbox()], [11, 5, 0])
  const unknown = batch({
    4: { specversion: '1.0', id: 'x', source: 's', type: 'nobody.knows' },
    5: { orderId: 'a', amount: 100 },
  })
  assert.deepEqual(await first.invoke(unknown), { batchItemFailures: [{ itemIdentifier: '4' }] })
  assert.equal(await paid(first, 'a'), 111)
})

await check('frozen for 12 s between two invocations, its sessions ended meanwhile: the next is answered', async () => {
  await podman('pause', first.id)
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  await sql.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name LIKE 'dure%'`,
  )
  await podman('unpause', first.id)
  const answer = await first.invoke(http('POST /orders', { orderId: 'thawed' }))
  assert.deepEqual([answer.statusCode, await outbox()], [200, 0])
})

await check('two instances take the same batch at once: its effects are there once', async () => {
  const second = await instance()
  assert.equal((await second.invoke(http('POST /orders', { orderId: 'two' }))).statusCode, 200)
  const event = batch(Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`t${n}`, { orderId: 'two', amount: 1 }])))
  const answers = await Promise.all([first.invoke(event), second.invoke(event)])
  assert.deepEqual(answers, [{ batchItemFailures: [] }, { batchItemFailures: [] }])
  // Those that crossed each other too often are set aside, and the schedule tries them again.
  await until(async () => {
    await first.invoke({ 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} })
    return (await paid(first, 'two')) === 10
  })
  await first.invoke(event)
  assert.deepEqual([await paid(first, 'two'), await outbox()], [10, 0])
  await check('one of them is frozen for good: the other waits for its lease, and delivers', async () => {
    await podman('pause', second.id)
    assert.equal((await first.invoke(http('POST /orders', { orderId: 'alone' }))).statusCode, 200)
    assert.equal(await outbox(), 0)
    await podman('unpause', second.id)
  })
  await podman('rm', '--force', '--time', '0', second.id)
})

await check('killed behind its answer: another instance has nothing to deliver again', async () => {
  await first.invoke(http('POST /orders', { orderId: 'last' }))
  await until(() => heard.some(({ key }) => key === 'last'))
  await podman('kill', '--signal', 'KILL', first.id)
  const next = await instance()
  assert.equal((await next.invoke(http('POST /orders', { orderId: 'next' }))).statusCode, 200)
  await until(() => heard.some(({ key }) => key === 'next'))
  assert.equal(new Set(heard.map(({ id }) => id)).size, heard.length)
  await podman('rm', '--force', '--time', '0', next.id)
})

await check('what takes longer than the function may is answered in its time', async () => {
  const short = await instance({ AWS_LAMBDA_FUNCTION_TIMEOUT: '10' })
  await short.invoke(http('GET /wait/0'))
  const late = await short.invoke(http('GET /wait/60000'))
  assert.deepEqual([late.statusCode, (JSON.parse(late.body!) as { code: string }).code], [504, 'DEADLINE_EXCEEDED'])
  await podman('stop', '--time', '20', short.id)
})

console.log(`  from nothing to the first answer: ${cold.toFixed(0)} ms, its database made`)
await broker.stop()
await sql.end()
await close()
await Promise.all([database.close(), nats.close()])
rmSync(folder, { recursive: true, force: true })
