import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../../contract/contract.ts'
import type { Address } from '../../discovery/discovery.ts'
import type { Transport } from '../transport.ts'
import { FrameReader, FrameWriter } from './frames.ts'
import { hello } from './hello.ts'
import {
  CALL,
  CHANNEL,
  CREDIT,
  FAILURE,
  HAS_METADATA,
  HAS_PRINCIPAL,
  PRINCIPAL,
  HELLO,
  ITEM,
  MAGIC,
  NAME,
  PING,
  PONG,
  REFUSE,
  STREAM,
} from './protocol.ts'
import { connect, echo, listen, until, wait } from './rig.test-support.ts'
import type { SocketListener } from './socket.ts'

type Stranger = { readonly socket: Socket; readonly types: number[]; closed: boolean }

async function stranger(address: Address, ...first: Buffer[]): Promise<Stranger> {
  assert.ok(address.kind === 'tcp')
  const socket = connectSocket(address.port, address.host)
  const types: number[] = []
  const reader = new FrameReader({ limit: 1_000_000, onFrame: (type) => void types.push(type) })
  const self: Stranger = { socket, types, closed: false }
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', () => {})
  socket.on('close', () => (self.closed = true))
  await once(socket, 'connect')
  for (const bytes of first) socket.write(bytes)
  return self
}

function frames(write: (writer: FrameWriter) => void): Buffer {
  const writer = new FrameWriter()
  write(writer)
  return writer.take()
}

const named = frames((writer) => {
  writer.begin(NAME, 1)
  writer.text('rig\necho')
  writer.end()
})

/** A call to the first name, with a minute to live and nothing beside it; its input may follow. */
function beginCall(writer: FrameWriter, type: number, id: number): void {
  writer.begin(type, id)
  writer.short(1)
  writer.short(0)
  writer.int(60_000)
  if (type !== CALL) {
    writer.int(1)
    writer.int(1)
  }
  writer.byte(0)
}

/** A good caller is served all the while. */
async function whileServed(
  options: Parameters<typeof listen>[0],
  work: (listener: SocketListener) => Promise<void>,
): Promise<void> {
  const listener = await listen(options)
  const peer = connect(listener.address)
  try {
    assert.equal(await echo(peer, 'before'), 'before')
    await work(listener)
    assert.equal(await echo(peer, 'after'), 'after')
    assert.equal(peer.state(), 'up')
  } finally {
    await peer.stop()
    await listener.stop()
  }
}

test('garbage ends its own connection and nobody else’s', { timeout: 60_000 }, async () => {
  await whileServed({}, async ({ address }) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 16, maxLength: 3_000 }), fc.boolean(), async (bytes, greeted) => {
        const one = await stranger(address, ...(greeted ? [hello(1_000_000), named] : []), Buffer.from(bytes))
        one.socket.end()
        await until(() => one.closed)
      }),
      { numRuns: 150 },
    )
  })
})

test('frames that are nearly right are refused, or answered as what they say', { timeout: 60_000 }, async () => {
  const nearly = fc.record(
    {
      type: fc.integer({ min: 0, max: 20 }),
      id: fc.integer({ min: 0, max: 5 }),
      body: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 30 }).map((rest) => Uint8Array.from([0, 1, 0, 0, 0, 0, 9, 99, 0, ...rest])),
      ),
    },
    { noNullPrototype: true },
  )
  await whileServed({}, async ({ address }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(nearly, { minLength: 1, maxLength: 8 }), async (sent) => {
        const bytes = frames((writer) => {
          for (const { type, id, body } of sent) {
            writer.begin(type, id)
            for (const byte of body) writer.byte(byte)
            writer.end()
          }
        })
        const one = await stranger(address, hello(1_000_000), named, bytes)
        one.socket.end()
        await until(() => one.closed)
      }),
      { numRuns: 150 },
    )
  })
})

test('a stranger, a wrong version and a missing greeting are refused with a reason', { timeout: 30_000 }, async () => {
  await whileServed({ limits: { handshake: 50 } }, async ({ address }) => {
    const version = frames((writer) => {
      writer.begin(HELLO, 0)
      writer.int(MAGIC)
      writer.short(1)
      writer.int(1_000_000)
      writer.end()
    })
    const wrong = await stranger(address, version)
    await until(() => wrong.closed)
    assert.deepEqual(wrong.types, [REFUSE])
    const web = await stranger(address, Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))
    await until(() => web.closed)
    const rude = await stranger(address, named)
    await until(() => rude.closed)
    const silent = await stranger(address)
    await until(() => silent.closed)
  })
})

test(
  'what goes along with a call is looked at where it arrives, and who sends nonsense is closed',
  { timeout: 30_000 },
  async () => {
    await whileServed({}, async ({ address }) => {
      const principal = (value: unknown): string =>
        JSON.stringify({ subject: 'a', kind: 'user', scopes: [], roles: [], ...(value as object) })
      const told = (text: string, place = 1): Buffer =>
        frames((writer) => {
          writer.begin(PRINCIPAL, place)
          writer.text(text)
          writer.end()
        })
      const called = (flag: number, write: (writer: FrameWriter) => void): Buffer =>
        frames((writer) => {
          writer.begin(CALL, 1)
          writer.short(1)
          writer.short(0)
          writer.int(60_000)
          writer.byte(flag)
          write(writer)
          writer.end()
        })
      const lies = [
        told('{'),
        told('null'),
        told(principal({ kind: 'root' })),
        told(principal({ client: 7 })),
        told(principal({ scopes: Array.from({ length: 100 }, () => 'x'.repeat(200)) })),
        told(principal({}), 0),
        told(principal({}), 257),
        called(HAS_PRINCIPAL, (writer) => writer.short(1)),
        called(HAS_METADATA, (writer) => writer.text('[]')),
        called(HAS_METADATA, (writer) => writer.text('{"__proto__":"x"}')),
        called(HAS_METADATA, (writer) => writer.text(JSON.stringify({ note: 'x'.repeat(9_000) }))),
      ]
      for (const lie of lies) {
        const liar = await stranger(address, Buffer.concat([hello(1_000_000), named, lie]))
        await until(() => liar.closed)
      }
    })
  },
)

test('a caller of another version hears which', async () => {
  const { createServer } = await import('node:net')
  const server = createServer((socket) => {
    const refusal = frames((writer) => {
      writer.begin(REFUSE, 0)
      writer.text('this one speaks version 7')
      writer.end()
    })
    socket.end(refusal)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect({ kind: 'tcp', host: '127.0.0.1', port: (server.address() as { port: number }).port })
  await assert.rejects(echo(peer, 1), (error) => {
    assert.ok(error instanceof CallError && error.code === 'UNAVAILABLE')
    return error.message.includes('the other side refused: this one speaks version 7')
  })
  await peer.stop()
  server.close()
})

test('an oversized frame is refused by its length, one that dribbles in by its time', { timeout: 30_000 }, async () => {
  await whileServed({ limits: { frame: 100_000, wholeFrame: 100 } }, async ({ address }) => {
    const greedy = await stranger(address, hello(1_000_000), Buffer.from([0x7f, 0, 0, 0, CALL]))
    await until(() => greedy.closed)
    const slow = await stranger(address, hello(1_000_000), Buffer.from([0, 0, 200, 0, CALL]))
    const dribble = setInterval(() => void slow.socket.write(Buffer.from([1])), 20)
    await until(() => slow.closed)
    clearInterval(dribble)
  })
})

test('a silent connection is closed, one that pings is not', { timeout: 30_000 }, async () => {
  const listener = await listen({ limits: { silence: 300 } })
  const quiet = await stranger(listener.address, hello(1_000_000))
  const alive = await stranger(listener.address, hello(1_000_000))
  const ping = frames((writer) => {
    writer.begin(PING, 0)
    writer.end()
  })
  const pinging = setInterval(() => void alive.socket.write(ping), 50)
  await until(() => quiet.closed)
  assert.equal(alive.closed, false)
  assert.ok(alive.types.includes(PONG))
  clearInterval(pinging)
  await listener.stop()
})

test('connections beyond the limit are closed, those within it served', { timeout: 30_000 }, async () => {
  await whileServed({ limits: { connections: 20 } }, async ({ address }) => {
    const crowd = await Promise.all(Array.from({ length: 300 }, () => stranger(address, hello(1_000_000)).catch(() => undefined)))
    await until(() => crowd.filter((one) => one === undefined || one.closed).length >= 281)
    for (const one of crowd) one?.socket.destroy()
    // Room again for others.
    const { port } = address as { port: number }
    await until(async () => {
      const next = await stranger({ kind: 'tcp', host: '127.0.0.1', port }, hello(1_000_000))
      await until(() => next.closed || next.types.includes(HELLO))
      next.socket.destroy()
      return next.types.includes(HELLO)
    })
  })
})

test(
  'calls and names beyond their limits are refused, and credit without end keeps nobody from being served',
  { timeout: 30_000 },
  async () => {
    await whileServed({ limits: { pending: 10, names: 5 } }, async ({ address }) => {
      const peer = connect(address)
      const waiting = Array.from({ length: 10 }, () => wait(peer).catch((error: unknown) => error))
      const refused = await echo(peer, 1).catch((error: unknown) => error)
      assert.ok(refused instanceof CallError && refused.code === 'RESOURCE_EXHAUSTED', String(refused))
      await peer.stop()
      await Promise.all(waiting)
      const talker = await stranger(
        address,
        hello(1_000_000),
        frames((writer) => {
          for (let n = 1; n <= 6; n++) {
            writer.begin(NAME, n)
            writer.text(`rig\n${n}`)
            writer.end()
          }
        }),
      )
      await until(() => talker.closed)
      const wisher = await stranger(
        address,
        hello(1_000_000),
        named,
        frames((writer) => {
          beginCall(writer, STREAM, 1)
          writer.end()
          writer.begin(CREDIT, 1)
          writer.int(0xffffffff)
          writer.int(0xffffffff)
          writer.end()
        }),
      )
      // Others are served while values come without end.
      await until(() => wisher.types.length >= 10_000)
      const other = connect(address)
      await echo(other, 'meanwhile')
      await other.stop()
      wisher.socket.destroy()
    })
  },
)

test(
  'values of a channel that were not asked for end the connection; those that were are counted',
  { timeout: 30_000 },
  async () => {
    let taken = 0
    const transport: Transport = {
      route: () => ({
        call: async (input) => input,
        // Asks for one value, and takes no more.
        stream: async function* (_input, _context, incoming) {
          const { value } = await incoming![Symbol.asyncIterator]().next()
          taken++
          yield value
          await new Promise(() => {})
        },
      }),
    }
    /** Opens a channel and sends large values. */
    const send = (id: number, values: number): Buffer =>
      frames((writer) => {
        beginCall(writer, CHANNEL, id)
        writer.end()
        for (let n = 0; n < values; n++) {
          writer.begin(ITEM, id)
          writer.value('x'.repeat(40_000), 0, writer.mark())
          writer.end()
        }
      })
    await whileServed({ transport, limits: { memory: 1_000_000 } }, async (listener) => {
      // A window of 256 KiB is asked for: seven such values, and one of them is taken.
      const eager = await stranger(listener.address, hello(1_000_000), named, send(1, 20))
      await until(() => eager.closed)
      const talker = await stranger(listener.address, hello(1_000_000), named)
      taken = 0
      for (let id = 1; !talker.closed; id++) {
        talker.socket.write(send(id, 6))
        await until(() => talker.closed || taken === id)
        assert.ok(id < 10, 'it holds more than it may')
      }
      await until(() => listener.status().held < 10_000)
    })
  },
)

test('a peer that asks and never reads is not answered without end', { timeout: 30_000 }, async () => {
  let answered = 0
  const large = 'x'.repeat(100_000)
  const transport: Transport = {
    route: () => ({
      call: async (input) => {
        if (input !== undefined) return input
        answered++
        return large
      },
      stream: async function* () {},
    }),
  }
  await whileServed({ transport, limits: { outgoing: 1_000_000 } }, async ({ address }) => {
    const { port } = address as { port: number }
    const socket = connectSocket(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.pause()
    const before = process.memoryUsage().arrayBuffers
    const ask = (from: number): Buffer =>
      frames((writer) => {
        for (let id = from; id < from + 100; id++) {
          beginCall(writer, CALL, id)
          writer.end()
        }
      })
    socket.write(hello(16_000_000))
    socket.write(named)
    for (let n = 0; n < 200; n++) socket.write(ask(n * 100 + 1))
    // 20,000 answers of 100 kB were asked for: two thousand million bytes.
    await until(() => answered >= 100)
    const peer = connect(address)
    for (let n = 0; n < 50; n++) await echo(peer, n)
    await peer.stop()
    const grown = process.memoryUsage().arrayBuffers - before
    assert.ok(grown < 200_000_000, `${grown} bytes are held`)
    assert.ok(answered < 20_000, `${answered} were answered`)
    socket.destroy()
  })
})

test('an input that cannot be read fails its call and no other', async () => {
  await whileServed({}, async ({ address }) => {
    const one = await stranger(
      address,
      hello(1_000_000),
      named,
      frames((writer) => {
        beginCall(writer, CALL, 1)
        writer.byte(0xc9)
        writer.end()
        writer.begin(PING, 0)
        writer.end()
      }),
    )
    await until(() => one.types.includes(PONG))
    assert.deepEqual(one.types, [HELLO, FAILURE, PONG])
    one.socket.destroy()
  })
})

test('an input or an answer longer than a frame is refused in words', async () => {
  await whileServed({ limits: { frame: 50_000 } }, async ({ address }) => {
    const peer = connect(address)
    await echo(peer, 1)
    await assert.rejects(echo(peer, 'x'.repeat(60_000)), (error) => {
      assert.ok(error instanceof CallError && error.code === 'RESOURCE_EXHAUSTED')
      return /its input takes 60,?\d+ bytes/.test(error.message)
    })
    const small = connect(address, { limits: { frame: 2_000 } })
    await echo(small, 1)
    await assert.rejects(
      echo(small, 'x'.repeat(3_000)),
      (error) => error instanceof CallError && error.message.includes('its answer takes'),
    )
    assert.equal(await echo(small, 'y'), 'y')
    await small.stop()
    await peer.stop()
  })
})
