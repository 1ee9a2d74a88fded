import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { CallError } from 'dure/contract'
import { readException } from './methods.ts'
import { shop, type Shop } from './shop.test-support.ts'
import { BinaryReader, BinaryWriter, CompactReader, CompactWriter, Frames, EXCEPTION, MESSAGE, TYPE } from './wire/wire.ts'

const Writers = { binary: BinaryWriter, compact: CompactWriter } as const

type Call = {
  readonly name: string
  readonly type?: number
  readonly sequence?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly input?: Readonly<Record<string, string | number>>
  readonly protocol?: keyof typeof Writers
}

/** As a client writes it: fields of the input by their places. */
function call({ name, type = MESSAGE.call, sequence = 1, headers, input, protocol = 'binary' }: Call): Buffer {
  const to = new Writers[protocol](1_000_000)
  to.frame()
  to.message(name, type, sequence)
  to.begin()
  if (input !== undefined) {
    to.field(TYPE.struct, 1)
    to.begin()
    Object.values(input).forEach((value, at) => {
      to.field(typeof value === 'string' ? TYPE.string : TYPE.i64, at + 1)
      if (typeof value === 'string') to.string(value)
      else to.i64(value)
    })
    to.end()
  }
  if (headers !== undefined) {
    to.field(TYPE.map, 2)
    to.map(TYPE.string, TYPE.string, Object.keys(headers).length)
    for (const [key, value] of Object.entries(headers)) {
      to.string(key)
      to.string(value)
    }
  }
  to.end()
  return to.framed()
}

function client(t: TestContext, { address }: Pick<Shop, 'address'>) {
  const socket: Socket = connect(address)
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  const frames = new Frames(1_000_000)
  const answer = async () => {
    for (;;) {
      const frame = frames.next()
      if (frame !== undefined) {
        const from = frame[0] === 0x82 ? new CompactReader(frame) : new BinaryReader(frame)
        const head = from.message()
        return { ...head, ...(head.type === MESSAGE.exception ? { exception: readException(from) } : {}) }
      }
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      frames.push(chunk)
    }
  }
  const ask = (given: Call) => {
    socket.write(call(given))
    return answer()
  }
  return { socket, ask, answer }
}

test('what is wrong with a call is said, and its connection goes on', async (t) => {
  const served = await shop(t)
  const { ask, socket, answer } = client(t, served)
  for (const protocol of ['binary', 'compact'] as const) {
    const { exception, sequence } = await ask({ name: 'gone', sequence: 7, protocol })
    assert.deepEqual([sequence, exception?.type, exception?.status], [7, EXCEPTION.unknownMethod, 'UNIMPLEMENTED'])
    // Two services have it.
    assert.match((await ask({ name: 'ping', protocol })).exception!.message, /Several services have a method "ping"/)
    const { type, name } = await ask({ name: 'Orders:ping', protocol })
    assert.deepEqual([type, name], [MESSAGE.reply, 'ping'])
    const wrong = await ask({ name: 'find', input: { id: 7 }, protocol })
    assert.equal(wrong.exception?.type, EXCEPTION.protocolError)
    assert.match(wrong.exception.message, /MALFORMED_REQUEST.*field 1 of "OrdersFindInput" has type 10/)
    const missing = await ask({ name: 'find', input: {}, protocol })
    assert.equal(missing.exception?.status, 'INVALID_ARGUMENT')
    assert.deepEqual(missing.exception.issues?.[0]?.path, ['id'])
    assert.equal((await ask({ name: 'find', type: MESSAGE.reply, protocol })).exception?.type, EXCEPTION.invalidMessageType)
    const header = await ask({ name: 'Orders:ping', headers: { 'request-timeout': 'soon' }, protocol })
    assert.match(header.exception!.message, /^INVALID_HEADER: /)
  }
  // A word of a language has a line at its end.
  assert.equal((await ask({ name: 'delete_', input: { id: '1' } })).type, MESSAGE.reply)
  // Byte by byte, and many at once, answered in their order.
  for (const byte of call({ name: 'find', input: { id: 'x' }, sequence: 8 })) socket.write(Buffer.of(byte))
  assert.equal((await answer()).sequence, 8)
  const many = Array.from({ length: 300 }, (_, at) => call({ name: 'find', input: { id: 'x' }, sequence: at }))
  socket.write(Buffer.concat(many))
  for (let at = 0; at < 300; at++) assert.equal((await answer()).sequence, at)
})

test('what is no message at all ends its connection, and others are served', async (t) => {
  const served = await shop(t, { door: { limits: { message: 10_000 } } })
  const other = client(t, served)
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('80010001', 'hex'),
    Buffer.from('00000000', 'hex'),
    Buffer.from('00002711', 'hex'),
    Buffer.from('00000004deadbeef', 'hex'),
    Buffer.concat([Buffer.from('00000006', 'hex'), Buffer.from('800100017fff', 'hex')]),
    call({ name: 'x'.repeat(300) }),
  ]) {
    const { socket } = client(t, served)
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
    assert.equal((await other.ask({ name: 'Orders:ping' })).type, MESSAGE.reply)
  }
})

test('calls beyond what there is room for are told to come again', async (t) => {
  const served = await shop(t, { door: { limits: { requests: 1 } } })
  const slow = client(t, served)
  // The number of "slow" in its enumeration stands where the test's writer has texts and whole numbers only.
  const to = new BinaryWriter(1_000)
  to.frame()
  to.message('fail', MESSAGE.call, 1)
  to.begin()
  to.field(TYPE.struct, 1)
  to.begin()
  to.field(TYPE.i32, 1)
  to.i32(3)
  to.end()
  to.end()
  slow.socket.write(to.framed())
  const other = client(t, served)
  for (;;) {
    const { exception } = await other.ask({ name: 'Orders:ping' })
    if (exception === undefined) continue
    assert.deepEqual([exception.type, exception.status], [EXCEPTION.internalError, 'UNAVAILABLE'])
    break
  }
  // Who goes away is not worked for any more.
  slow.socket.destroy()
  while ((await other.ask({ name: 'Orders:ping' })).exception !== undefined);
  await served.running.stop({ timeout: 100 })
})

test('who calls is found out from the headers of a call', async (t) => {
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      const [subject, scope] = header('authorization')?.split(' ') ?? []
      if (subject === 'nobody') throw new CallError('UNAUTHENTICATED', 'That is nobody')
      return subject === undefined ? undefined : { subject, kind: 'user' as const, scopes: [scope!], roles: [] }
    },
  }
  const served = await shop(t, { security })
  const { ask } = client(t, served)
  const place = async (authorization?: string) => {
    const headers = authorization === undefined ? undefined : { authorization }
    const { type, exception } = await ask({ name: 'place', input: { id: '1', pieces: 1 }, ...(headers && { headers }) })
    return exception?.status ?? type
  }
  assert.equal(await place(), 'UNAUTHENTICATED')
  assert.equal(await place('nobody x'), 'UNAUTHENTICATED')
  assert.equal(await place('sori orders.read'), 'PERMISSION_DENIED')
  assert.equal(await place('sori orders.write'), MESSAGE.reply)
  assert.deepEqual(served.placed, [['1', 'sori']])
})
