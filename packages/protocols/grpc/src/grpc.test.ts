import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js'
import { CallError } from 'dure/contract'
import { theirClient } from './client.test-support.ts'
import { Orders, shop } from './shop.test-support.ts'
import { readDetails } from './status.ts'

const failure = async (call: Promise<unknown>): Promise<ServiceError> =>
  call.then(
    () => assert.fail('It did not fail'),
    (error: ServiceError) => error,
  )

const SENT = {
  price: { amount: '123456789012345678901', currency: 'MONEY_CURRENCY_KRW' },
  payment: { cash: { kind: 1, at: { seconds: 1, nanos: 5_000_000 } } },
  ...{ whole: -9007199254740991, ratio: -0.5, bytes: Buffer.from([0, 255]), tags: ['a', '한'], any: { stringValue: 'x' } },
  by_name: { k: { amount: '2', currency: 1 } },
  counts: { 'a b': { items: [1, -1] } },
  place: { item1: 1.5, item2: 'x' },
  note: {},
  lines: {},
}

test('a client of others calls with values of every kind, with many, and with none', async (t) => {
  const { address, placed } = await shop(t)
  const { client, unary } = theirClient(address, Orders)
  t.after(() => client.close())
  const { price, whole, tags, payment, by_name, counts, place, note, lines, any } = await unary('Echo', SENT)
  assert.deepEqual({ price, whole, tags }, { price: SENT.price, whole: SENT.whole, tags: SENT.tags })
  assert.deepEqual(payment.cash.at, { seconds: 1, nanos: 5_000_000 })
  assert.deepEqual([by_name.k.amount, counts['a b'].items, place.item2, any.stringValue], ['2', [1, -1], 'x', 'x'])
  // Null and an empty list are there, and are not what is absent.
  assert.deepEqual([note.value, lines.items], [undefined, []])
  assert.equal((await unary('Echo', { ...SENT, lines: undefined })).lines, null)
  const { value } = await unary('Place', { id: 'a', pieces: 3 })
  assert.equal(value, 'a × 3')
  assert.deepEqual(await unary('Forget', { id: 'a' }), {})
  assert.deepEqual(placed, ['a'])
  const size = 3_000_000
  assert.equal((await unary('Blob', { size: 1, body: 'x'.repeat(size) })).body, 'x')
  assert.equal((await unary('Blob', { size })).body.length, size)
})

test('failures keep their status, declared ones their data, and inner ones their secrets', async (t) => {
  const { address, placed } = await shop(t)
  const { client, unary, root } = theirClient(address, Orders)
  t.after(() => client.close())
  const how = (value: number): Promise<ServiceError> => failure(unary('Fail', { how: value }))
  const soldOut = await how(1)
  assert.equal(soldOut.code, status.FAILED_PRECONDITION)
  const said = readDetails(soldOut.metadata.get('grpc-status-details-bin')[0] as Buffer)
  assert.deepEqual([said.reason, said.domain], ['SOLD_OUT', 'orders.v1'])
  const data = root.lookupType('orders.v1.SoldOutData').decode(said.others.get('orders.v1.SoldOutData')!).toJSON()
  assert.deepEqual(data, { left: 2, since: {} })
  const broken = await how(2)
  assert.equal(broken.code, status.INTERNAL)
  assert.doesNotMatch(broken.message, /1234/)
  const late = await failure(unary('Fail', { how: 3 }, { metadata: { 'grpc-timeout': '50m' } }))
  assert.equal(late.code, status.DEADLINE_EXCEEDED)

  const wrong = await failure(unary('Place', { id: 'a', pieces: 0 }))
  assert.equal(wrong.code, status.INVALID_ARGUMENT)
  const { issues } = readDetails(wrong.metadata.get('grpc-status-details-bin')[0] as Buffer)
  assert.deepEqual(
    issues?.map(({ path }) => path),
    [['pieces']],
  )
  assert.equal((await failure(unary('Echo', {}))).code, status.INVALID_ARGUMENT)
  assert.deepEqual(placed, [])
})

test('who calls is found out by metadata, and an idempotency key needs a memory', async (t) => {
  const authenticate = ({ header }: { header: (name: string) => string | undefined }) => {
    const [subject, scope] = header('authorization')?.split(' ') ?? []
    if (subject === 'nobody') throw new CallError('UNAUTHENTICATED', 'That is nobody')
    return subject === undefined ? undefined : { subject, kind: 'user' as const, scopes: [scope!], roles: [] }
  }
  const { address, placed } = await shop(t, { security: { authenticate } })
  const { client, unary } = theirClient(address, Orders)
  t.after(() => client.close())
  const place = (authorization: string, more: object = {}): Promise<unknown> =>
    unary('Place', { id: 'a', pieces: 1 }, { metadata: { authorization, ...more } })
  await place('sori orders.write')
  assert.equal((await failure(place('sori orders.read'))).code, status.PERMISSION_DENIED)
  assert.equal((await failure(place('nobody'))).details, 'That is nobody')
  assert.equal((await failure(unary('Place', { id: 'a', pieces: 1 }))).code, status.UNAUTHENTICATED)
  assert.equal((await failure(place('sori orders.write', { 'idempotency-key': 'k' }))).code, status.INVALID_ARGUMENT)
  assert.deepEqual(placed, ['a'])
})

test('streams go both ways, end with their failures, and end when whoever reads them leaves', async (t) => {
  const { address, ended } = await shop(t)
  const { client, types } = theirClient(address, Orders)
  t.after(() => client.close())
  const bytesOf = (type: ReturnType<typeof types>['request']) => (value: object) =>
    Buffer.from(type.encode(type.fromObject(value)).finish())
  const watch = types('Watch')
  const read = (bytes: Buffer): unknown => watch.response.decode(bytes).toJSON()
  const few = client.makeServerStreamRequest(watch.path, bytesOf(watch.request), read, { count: 2 })
  assert.deepEqual(await few.toArray(), [{}, { n: 1 }])
  const endless = client.makeServerStreamRequest(watch.path, bytesOf(watch.request), read, { count: 3 })
  endless.on('error', () => {})
  endless.once('data', () => endless.cancel())
  await ended

  const talk = types('Talk')
  const chat = client.makeBidiStreamRequest(talk.path, bytesOf(talk.request), (bytes) => talk.response.decode(bytes).toJSON())
  chat.write({ input: { room: 'r' } })
  const heard: unknown[] = []
  const over = new Promise<ServiceError>((resolve) => chat.on('error', resolve))
  chat.on('data', (said) => {
    heard.push(said)
    chat.write({ value: { value: heard.length < 3 ? 'on' : 'sold out' } })
  })
  chat.write({ value: { value: 'hello' } })
  assert.equal((await over).code, status.FAILED_PRECONDITION)
  assert.deepEqual(
    heard,
    ['hello', 'on', 'on'].map((word) => ({ value: `r: ${word}` })),
  )

  const sum = types('Sum')
  const adds = client.makeBidiStreamRequest(sum.path, bytesOf(sum.request), (bytes) => sum.response.decode(bytes).toJSON())
  for (let n = 1; n <= 100; n++) adds.write({ n })
  adds.end()
  assert.deepEqual(await adds.toArray(), [{ sum: 5050 }])
})

test('what is compressed is read, and answered so', async (t) => {
  const { address } = await shop(t)
  const { client, types } = theirClient(address, Orders)
  t.after(() => client.close())
  const { path, request, response } = types('Blob')
  const zipped = new Client(address, credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 })
  t.after(() => zipped.close())
  const answer = await new Promise<{ body: string }>((resolve, reject) => {
    zipped.makeUnaryRequest(
      path,
      (value: object) => Buffer.from(request.encode(request.fromObject(value)).finish()),
      (bytes) => response.toObject(response.decode(bytes)) as { body: string },
      { size: 100_000, body: 'y'.repeat(100_000) },
      (error, value) => (error === null ? resolve(value!) : reject(error)),
    )
  })
  assert.equal(answer.body.length, 100_000)
})

test('health says whether it serves, and reflection says what', async (t) => {
  const { address } = await shop(t)
  const { client } = theirClient(address, Orders)
  t.after(() => client.close())
  const ask = (path: string, bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const same = (value: Buffer): Buffer => value
      client.makeUnaryRequest(path, same, same, bytes, (error, value) => (error === null ? resolve(value!) : reject(error)))
    })
  const check = (name: string): Promise<Buffer> =>
    ask('/grpc.health.v1.Health/Check', Buffer.from([10, name.length, ...Buffer.from(name)]))
  assert.deepEqual([...(await check(''))], [8, 1])
  assert.deepEqual([...(await check('orders.v1.OrdersService'))], [8, 1])
  assert.equal((await failure(check('nobody'))).code, status.NOT_FOUND)
  assert.equal((await failure(ask('/orders.v1.OrdersService/Nothing', Buffer.alloc(0)))).code, status.UNIMPLEMENTED)

  const info = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
  const asked = client.makeBidiStreamRequest(
    info,
    (value: Buffer) => value,
    (bytes) => bytes.toString('latin1'),
  )
  asked.write(Buffer.from([58, 0]))
  const symbol = 'orders.v1.OrdersService'
  asked.write(Buffer.from([34, symbol.length, ...Buffer.from(symbol)]))
  asked.end()
  const [services, file] = (await asked.toArray()) as string[]
  assert.match(services!, /orders\.v1\.OrdersService/)
  assert.match(file!, /orders\/v1\/orders\.proto.*SoldOutData/s)
})
