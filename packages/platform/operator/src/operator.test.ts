import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { auditLog, type AuditEntry } from 'dure/audit'
import { CallError, channel, command, contract, error, query, stream } from 'dure/contract'
import { database } from 'dure/data'
import { service } from 'dure/service'
import { z } from 'zod'
import { operatorPart, operatorParts, type OperatorPart } from './operator.ts'
import { health } from './parts/health.ts'
import { desk, IDA, sendBytes } from './operator.test-support.ts'

const Jammed = error('JAMMED', { data: z.object({ drawer: z.int() }), message: 'The drawer is jammed' })
const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    count: query({ input: z.object({ drawer: z.int().default(1) }), output: z.object({ coins: z.bigint(), at: z.date() }) }),
    secrets: query({ output: z.string(), roles: ['operator'] }),
    add: command({ input: z.object({ coins: z.int() }), output: z.int(), errors: { Jammed } }),
    empty: command({}),
    knock: command({}),
    hang: query({ deadline: 40 }),
    ticks: stream({ input: z.object({ upTo: z.int() }), output: z.object({ n: z.int() }) }),
    broken: stream({ output: z.int() }),
    quiet: stream({ output: z.int() }),
  },
})

function till(seen: string[] = []): OperatorPart {
  let coins = 0
  return operatorPart({
    contract: Till,
    rules: {
      add: { act: (input) => ({ subject: 'till', about: { coins: input.coins } }) },
      empty: { reason: true },
      knock: { act: 'own' },
    },
    answer: () => ({
      count: ({ drawer }) => ({ coins: BigInt(coins * drawer), at: new Date(0) }),
      secrets: () => '1234',
      add: (input, { name }) => {
        if (input.coins < 0) throw Jammed({ drawer: 1 })
        if (input.coins > 99) throw new Error('Only 99 fit')
        seen.push(name)
        return (coins += input.coins)
      },
      empty: (_, { reason }) => void seen.push(`emptied: ${reason}`),
      knock: () => void seen.push('knocked'),
      hang: (_, { signal }) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(void seen.push('let go')))),
      ticks: async function* ({ upTo }, { signal }) {
        try {
          for (let n = 1; n <= upTo && !signal.aborted; n++) yield { n }
        } finally {
          seen.push('ticked')
        }
      },
      quiet: async function* (_, { signal }) {
        yield 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        seen.push('left alone')
      },
      broken: async function* () {
        yield 1
        throw new CallError('DATA_LOSS', 'Two is gone')
      },
    }),
  })
}

const Shop = contract('shelf', { version: '1.0.0', owner: 'tests', operations: {} })
const shelf = service(Shop, { handlers: {} })

test('contracts are listed with JSON Schemas, roles and whether a reason is needed', async (t) => {
  const { send } = await desk(t, { services: [shelf], parts: [till()] })
  const { status, body } = await send('/api/operator', { headers: { 'x-test': 'ida viewer' } })
  assert.equal(status, 200)
  const [listed] = (body as { contracts: { name: string; operations: Record<string, unknown>[] }[] }).contracts
  assert.equal(listed!.name, 'till')
  const of = (name: string) => listed!.operations.find((one) => one['name'] === name)!
  assert.deepEqual([of('count')['kind'], of('count')['role'], of('count')['reason']], ['query', 'viewer', false])
  assert.deepEqual([of('add')['role'], of('empty')['reason'], of('secrets')['role']], ['operator', true, 'operator'])
  assert.deepEqual((of('add')['input'] as { required: unknown }).required, ['coins'])
  assert.equal(of('empty')['input'], undefined)
})

test('a query answers in JSON form, with its defaults, and a command changes something', async (t) => {
  const { ask } = await desk(t, { services: [shelf], parts: [till()] })
  assert.equal(await ask('till', 'add', { coins: 4 }), 4)
  assert.deepEqual(await ask('till', 'count', undefined, { as: 'vi viewer' }), { coins: '4', at: '1970-01-01T00:00:00.000Z' })
  assert.deepEqual(await ask('till', 'count', { drawer: 2 }), { coins: '8', at: '1970-01-01T00:00:00.000Z' })
})

test('whoever is nobody, or has not the role, is refused, and nothing is done', async (t) => {
  const seen: string[] = []
  const { ask, send } = await desk(t, { services: [shelf], parts: [till(seen)] })
  const nobody = await send('/api/operator')
  assert.deepEqual([nobody.status, (nobody.body as { error: { code: string } }).error.code], [401, 'UNAUTHENTICATED'])
  for (const [operation, input] of [
    ['add', { coins: 1 }],
    ['secrets', {}],
  ] as const)
    await assert.rejects(ask('till', operation, input, { as: 'vi viewer' }), {
      code: 'PERMISSION_DENIED',
      status: 403,
      message: /needs the role "operator", and "vi" has the role "viewer"/,
    })
  assert.deepEqual(seen, [])
})

test('a reason that is needed is asked for, and told in any language', async (t) => {
  const seen: string[] = []
  const { ask } = await desk(t, { services: [shelf], parts: [till(seen)] })
  const needs = { code: 'INVALID_ARGUMENT', message: /needs a reason/ }
  await assert.rejects(ask('till', 'empty'), needs)
  await assert.rejects(ask('till', 'empty', {}, { reason: '  ' }), needs)
  await assert.rejects(ask('till', 'empty', {}, { reason: 'x'.repeat(2_001) }), { message: /2001 characters/ })
  await ask('till', 'empty', {}, { reason: '마감 100%' })
  assert.deepEqual(seen, ['emptied: 마감 100%'])
})

test('what is malformed is refused with what is wrong', async (t) => {
  const { ask, send, url } = await desk(t, { services: [shelf], parts: [till()] })
  await assert.rejects(ask('till', 'add', { coins: 'four' }), { code: 'INVALID_ARGUMENT', status: 400, message: /coins/ })
  await assert.rejects(ask('till', 'add', []), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(ask('till', 'empty', { coins: 1 }, { reason: 'x' }), { message: /takes no input/ })
  await assert.rejects(ask('safe', 'open'), { code: 'UNIMPLEMENTED', status: 501, message: /there are till/ })
  await assert.rejects(ask('till', 'open'), { code: 'UNIMPLEMENTED', message: /"till" has count, secrets, add/ })
  await assert.rejects(ask('till', 'ticks', { upTo: 1 }), { code: 'UNIMPLEMENTED', message: /it is a stream/ })
  await assert.rejects(ask('till', 'toString'), { code: 'UNIMPLEMENTED' })
  const headers = { 'x-test': 'ida operator', 'content-type': 'application/json' }
  const post = (body: string, more: object = {}, path = '/api/operator/till/add') =>
    send(path, { method: 'POST', headers: { ...headers, ...more }, body })
  const codeOf = ({ status, body }: Awaited<ReturnType<typeof send>>) => [
    status,
    (body as { error: { code: string } }).error.code,
  ]
  assert.deepEqual(codeOf(await post('{"coins":')), [400, 'INVALID_ARGUMENT'])
  assert.deepEqual(codeOf(await post('coins=1', { 'content-type': 'application/x-www-form-urlencoded' })), [
    415,
    'INVALID_ARGUMENT',
  ])
  assert.deepEqual(codeOf(await post('{}', {}, '/api/operator/till')), [501, 'UNIMPLEMENTED'])
  assert.deepEqual(codeOf(await post('{}', {}, '/api/operator/till/add/more')), [501, 'UNIMPLEMENTED'])
  assert.equal((await send('/api/operator/till/add', { method: 'DELETE', headers })).status, 405)
  assert.deepEqual(codeOf(await send('/api/operator/till/ticks?input={', { headers })), [400, 'INVALID_ARGUMENT'])
  assert.deepEqual(codeOf(await send('/api/operator/till/count', { headers })), [501, 'UNIMPLEMENTED'])
  assert.deepEqual(await send('/else'), { status: 404, body: 'elsewhere' })
  assert.deepEqual(await send('/api/operators'), { status: 404, body: 'elsewhere' })
  // No byte more than what is too much: what nobody reads would reset the connection, and the answer with it.
  const most = 16 * 1024 * 1024
  const head = `POST /api/operator/till/add HTTP/1.1\r\nHost: a\r\nX-Test: ida operator\r\nContent-Type: application/json\r\n`
  const answer = await sendBytes(url, `${head}Content-Length: ${2 * most}\r\n\r\n${' '.repeat(most + 1)}`)
  assert.match(answer, /^HTTP\/1.1 400 .*"Cannot take a body of more than 16777216 bytes"/s)
})

test('a failure is told as it is to those who are to mend it', async (t) => {
  const { ask } = await desk(t, { services: [shelf], parts: [till()] })
  await assert.rejects(ask('till', 'add', { coins: -1 }), { code: 'JAMMED', status: 409, message: 'The drawer is jammed' })
  await assert.rejects(ask('till', 'add', { coins: 100 }), { code: 'INTERNAL', status: 500, message: 'Only 99 fit' })
})

test('a part that hangs is answered for at its deadline, and told to stop', async (t) => {
  const seen: string[] = []
  const { ask } = await desk(t, { services: [shelf], parts: [till(seen)] })
  await assert.rejects(ask('till', 'hang'), { code: 'DEADLINE_EXCEEDED', status: 504 })
  assert.deepEqual(seen, ['let go'])
})

test('a stream is server-sent events, with its end, its failure, and what is refused before it begins', async (t) => {
  const seen: string[] = []
  const { url, send } = await desk(t, { services: [shelf], parts: [till(seen)] })
  const headers = { 'x-test': 'vi viewer' }
  const read = async (path: string): Promise<string> => String((await send(`/api/operator/till/${path}`, { headers })).body)
  assert.equal(await read('ticks?input={"upTo":2}'), 'data: {"n":1}\n\ndata: {"n":2}\n\nevent: end\ndata: {}\n\n')
  assert.equal(await read('broken'), 'data: 1\n\nevent: error\ndata: {"code":"DATA_LOSS","message":"Two is gone"}\n\n')
  assert.equal((await send('/api/operator/till/ticks?input={"upTo":"x"}', { headers })).status, 400)
  assert.deepEqual(seen.splice(0), ['ticked'])
  // Who has nothing to tell hears that its reader has left.
  const response = await fetch(`${url}/api/operator/till/quiet`, { headers })
  await response.body!.cancel()
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(seen, ['left alone'])
})

test('every change is in the audit: who, what, why and how it went; what is written elsewhere is not written twice', async (t) => {
  const trail = auditLog('tests/operators', { key: generateKeyPairSync('ed25519').privateKey })
  const office = service(contract('office', { version: '1.0.0', owner: 'tests', operations: {} }), {
    ...{ database: database({ migrations: {} }), extensions: [trail], handlers: {} },
  })
  const { ask, running } = await desk(t, { services: [office], audit: trail, parts: [till()] })
  await ask('till', 'add', { coins: 1 })
  await assert.rejects(ask('till', 'add', { coins: 100 }))
  await ask('till', 'empty', {}, { reason: 'It is full' })
  await ask('till', 'knock')
  await ask('till', 'count')
  const lines = async (): Promise<readonly AuditEntry[]> =>
    (await running.ask('office', { kind: 'audit', method: 'list', input: {} })) as AuditEntry[]
  while ((await lines()).length < 6) await new Promise((resolve) => setTimeout(resolve, 5))
  const told = (await lines()).map(({ actor, action, subject, about, personal }) => ({ actor, action, subject, about, personal }))
  const by = (action: string, subject: string, about: object, personal: object = {}) => ({
    ...{ actor: 'ida', action, subject, about, personal },
  })
  assert.deepEqual(told, [
    by('till.add', 'till', { coins: 1, outcome: 'begun' }),
    by('till.add', 'till', { coins: 1, outcome: 'done' }),
    by('till.add', 'till', { coins: 100, outcome: 'begun' }),
    by('till.add', 'till', { coins: 100, code: 'INTERNAL', outcome: 'failed' }),
    by('till.empty', 'shop', { outcome: 'begun' }, { reason: 'It is full' }),
    by('till.empty', 'shop', { outcome: 'done' }, { reason: 'It is full' }),
  ])
})

test('a part that cannot be asked is refused when it is made, or opened', async (t) => {
  const make = (operations: object) => () =>
    operatorPart({
      contract: contract('odd', { version: '1.0.0', owner: 'tests', operations: operations as {} }),
      answer: () => ({}),
    })
  assert.throws(make({ talk: channel({ incoming: z.string() }) }), /"odd": its operation "talk" is a channel/)
  assert.throws(make({ say: query({ input: z.string() }) }), /the input of its operation "say" is no object/)
  const rules = { other: {} } as {}
  assert.throws(() => operatorPart({ contract: Shop, rules, answer: () => ({}) }), /a rule for "other"/)
  await assert.rejects(desk(t, { services: [shelf], parts: [till(), till()] }), /"till" is there twice/)
})

test('health tells of groups, services and what keeps them, now and when it changes', async (t) => {
  const mood: { why?: string } = {}
  const moody = service(contract('moody', { version: '1.0.0', owner: 'tests', operations: {} }), {
    ...{ handlers: {}, ready: () => mood.why },
  })
  const { ask, operator } = await desk(t, { services: [shelf, moody], parts: [health] })
  const ok = { ok: true, reasons: [] }
  type Report = Readonly<Record<'live' | 'ready' | 'startup', object>> & { readonly services: readonly object[] }
  const report = await ask<Report>('health', 'show')
  assert.deepEqual([report.live, report.ready, report.startup, report.services.length], [ok, ok, ok, 2])
  const values = operator.stream({ contract: 'health', operation: 'watch', caller: IDA })[Symbol.asyncIterator]()
  assert.deepEqual(((await values.next()).value as Report).ready, ok)
  mood.why = 'It is raining'
  const next = ((await values.next()).value as Report).ready
  assert.deepEqual(next, { ok: false, reasons: ['moody: It is raining'] })
  assert.deepEqual(await ask('health', 'ready'), next)
  assert.deepEqual(await ask('health', 'live'), ok)
  await values.return!()
})

test('a system in one process says so of itself, and that nobody can move its services', async (t) => {
  const { ask } = await desk(t, { services: [shelf], parts: operatorParts })
  type Listed = {
    readonly supervised: boolean
    readonly processes: readonly { readonly pid: number; readonly members: string[] }[]
  }
  const { supervised, processes: all } = await ask<Listed>('processes', 'list')
  assert.deepEqual([supervised, all[0]!.pid, all[0]!.members], [false, process.pid, ['shelf', 'broker', 'doors']])
  assert.deepEqual(await ask('processes', 'instances'), { instances: [], freshness: { fresh: true } })
  await assert.rejects(ask('placement', 'place', { service: 'shelf', where: 'out' }), {
    ...{ code: 'FAILED_PRECONDITION', message: /no supervisor runs there/ },
  })
})
