/** What can be done to a listener with bytes, each as one connection does it. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Socket } from 'node:net'

/** Does its worst; what it answers is called when the connection has ended. */
export type Attack = (socket: Socket) => (() => void) | void

const NAME = 6
const CALL = 7
const STREAM = 8
const MORE = 10
const PING = 3
const MAGIC = 0x44555245

// By hand, and not by the code under attack.
function frame(type: number, id: number, body: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc(9 + body.length)
  bytes.writeUInt32BE(5 + body.length, 0)
  bytes[4] = type
  bytes.writeUInt32BE(id, 5)
  bytes.set(body, 9)
  return bytes
}

function hello(version = 1): Buffer {
  const body = Buffer.alloc(10)
  body.writeUInt32BE(MAGIC, 0)
  body.writeUInt16BE(version, 4)
  body.writeUInt32BE(16 * 1024 * 1024, 6)
  return frame(1, 0, body)
}

function name(id: number, text: string): Buffer {
  const body = Buffer.alloc(2 + text.length)
  body.writeUInt16BE(text.length, 0)
  body.write(text, 2)
  return frame(NAME, id, body)
}

/** A call to the first name, with `left` milliseconds to live. */
function call(type: number, id: number, input: Uint8Array = new Uint8Array(), left = 60_000): Buffer {
  const body = Buffer.alloc(9 + input.length)
  body.writeUInt16BE(1, 0)
  body.writeUInt32BE(left, 4)
  body.set(input, 9)
  return frame(type, id, body)
}

function more(id: number, count: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32BE(count, 0)
  return frame(MORE, id, body)
}

const list = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n))
const opening = (operation: string): Buffer => Buffer.concat([hello(), name(1, `shop\n${operation}`)])

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  return () => clearInterval(timer)
}

const bombs: readonly Uint8Array[] = [
  Uint8Array.from(list(50_000, () => 0x91)), // lists in lists
  Uint8Array.from(list(3_000, (n) => [0xdd, 0, 0x10, 0, 0][n % 5]!)), // each claims a million
  Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61, 0xc0),
  Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
  Uint8Array.of(0xd4, 0x72, 0x40, 0x92, 0xa1, 0x61, 0xa1, 0x62, 1, 2), // a record of its own
  Uint8Array.of(0x92, 0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1), // a list that holds itself
  Buffer.concat([Buffer.from([0xdd, 0, 0x26, 0x25, 0xa0]), Buffer.alloc(2_500_000, 0x80)]), // small here, large there
]

/** Holds a place: greets, and beats now and then so as not to count as gone. */
const place: Attack = (socket) => {
  socket.write(hello())
  return every(5_000, () => void socket.write(frame(PING, 0)))
}

export const ATTACKS: Readonly<Record<string, { readonly share: number; readonly attack: Attack }>> = {
  'places held': { share: 30, attack: place },
  'nothing said': { share: 15, attack: () => {} },
  'half a greeting': { share: 10, attack: (socket) => void socket.write(hello().subarray(0, 1 + randomInt(18))) },
  garbage: { share: 6, attack: (socket) => void socket.write(randomBytes(16 + randomInt(4_000))) },
  'garbage after a greeting': {
    share: 6,
    attack: (socket) => void socket.write(Buffer.concat([opening('place'), randomBytes(16 + randomInt(4_000))])),
  },
  'damaged frames': {
    share: 6,
    attack: (socket) => {
      const bytes = Buffer.concat(
        list(20, (n) => call(randomInt(2) === 0 ? CALL : STREAM, n, Uint8Array.of(0x81, 0xa1, 0x61, 1))),
      )
      for (let n = 0; n < 4; n++) bytes[randomInt(bytes.length)]! ^= 1 << randomInt(8)
      socket.write(Buffer.concat([opening('place'), bytes]))
    },
  },
  'truncated frames': {
    share: 4,
    attack: (socket) =>
      void socket.write(Buffer.concat([opening('place'), call(CALL, 1, Buffer.alloc(200_000)).subarray(0, 150_000)])),
  },
  'oversized frames': {
    share: 4,
    attack: (socket) => void socket.write(Buffer.concat([opening('place'), Buffer.from([0x7f, 0xff, 0xff, 0xff, CALL])])),
  },
  'a byte at a time': {
    share: 6,
    attack: (socket) => {
      const bytes = Buffer.concat([opening('place'), call(CALL, 1, Buffer.alloc(5_000))])
      let at = bytes.length - 5_000
      socket.write(bytes.subarray(0, at))
      return every(1_000, () => void socket.write(bytes.subarray(at, ++at)))
    },
  },
  'a greeting a byte at a time': {
    share: 2,
    attack: (socket) => {
      let at = 0
      return every(500, () => void socket.write(hello().subarray(at, ++at)))
    },
  },
  'wrong versions': { share: 4, attack: (socket) => void socket.write(hello(2 + randomInt(60_000))) },
  'TLS and HTTP': {
    share: 2,
    attack: (socket) =>
      void socket.write(
        randomInt(2) === 0
          ? Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), randomBytes(506)])
          : 'GET / HTTP/1.1\r\nhost: shop\r\n\r\n',
      ),
  },
  'connect and leave': { share: 3, attack: (socket) => void (randomInt(2) === 0 ? socket.end() : socket.resetAndDestroy()) },
  'call and leave': {
    share: 2,
    attack: (socket) =>
      void socket.write(Buffer.concat([opening('linger'), ...list(20, (n) => call(CALL, n))]), () => socket.destroy()),
  },
  'answers not read': {
    share: 1,
    attack: (socket) => {
      socket.pause()
      socket.write(Buffer.concat([opening('document'), ...list(100, (n) => call(CALL, n + 1))]))
    },
  },
  'streams not read': {
    share: 1,
    attack: (socket) => {
      socket.pause()
      const all = list(20, (n) => Buffer.concat([call(STREAM, n + 1), more(n + 1, 0xffff_ffff)]))
      socket.write(Buffer.concat([opening('ticks'), ...all]))
    },
  },
  'streams without credit': {
    share: 1,
    attack: (socket) => {
      socket.write(Buffer.concat([opening('ticks'), ...list(20, (n) => call(STREAM, n + 1))]))
      return every(5_000, () => void socket.write(frame(PING, 0)))
    },
  },
  'calls that hang': {
    share: 1,
    attack: (socket) => {
      socket.write(Buffer.concat([opening('linger'), ...list(5, (n) => call(CALL, n + 1, undefined, 20_000))]))
      return every(5_000, () => void socket.write(frame(PING, 0)))
    },
  },
  'values that explode': {
    share: 1,
    attack: (socket) =>
      void socket.write(Buffer.concat([opening('place'), call(CALL, 1, bombs[randomInt(bombs.length)]!), frame(PING, 0)])),
  },
  'names of nothing': {
    share: 1,
    attack: (socket) =>
      void socket.write(
        Buffer.concat([hello(), ...list(500, (n) => name(n + 1, `none\n${randomBytes(8).toString('hex')}`)), call(CALL, 1)]),
      ),
  },
}
