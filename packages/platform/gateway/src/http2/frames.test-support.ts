/** A client of HTTP/2 that sends what it is told, frame by frame, right or wrong. */
import type { TestContext } from 'node:test'
import { shake } from '../tls.test-support.ts'

export const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY] = [0, 1, 2, 3, 4, 6, 7] as const
export const CONTINUATION = 9
export const [END_STREAM, END_HEADERS] = [1, 4] as const
export const [REFUSED_STREAM, CANCEL] = [7, 8] as const

export type Frame = { readonly type: number; readonly flags: number; readonly id: number; readonly payload: Buffer }

export function frame(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A text with its length in seven bits, as RFC 7541 has it in section 5. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** Fields, none of which is remembered. */
export const block = (fields: readonly (readonly [name: string, value: string])[]): Buffer =>
  Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))

export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop.example'],
  [':path', '/a'],
]
export const POST: readonly (readonly [string, string])[] = [[':method', 'POST'], ...GET.slice(1)]

export const get = (id: number): Buffer => frame(HEADERS, END_STREAM | END_HEADERS, id, block(GET))

export type RawClient = {
  readonly say: (...frames: readonly Buffer[]) => void
  /** All that has come. */
  readonly frames: readonly Frame[]
  /** The first frame that matches, once it is there; undefined: the connection has ended before. */
  readonly hears: (matches: (frame: Frame) => boolean) => Promise<Frame | undefined>
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>
  readonly destroy: () => void
}

/** @param settings as pairs: 4 with 0 is a window of nothing */
export async function rawClient(
  t: Pick<TestContext, 'after'>,
  url: string,
  settings: readonly (readonly [id: number, value: number])[] = [],
): Promise<RawClient> {
  const socket = await shake(t, url, { ALPNProtocols: ['h2'] })
  const frames: Frame[] = []
  const ended = Promise.withResolvers<void>()
  let over = false
  let looks: (() => void)[] = []
  let rest = Buffer.alloc(0)
  const look = (): void => looks.forEach((each) => each())
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      frames.push({ type: rest[3]!, flags: rest[4]!, id: rest.readUInt32BE(5), payload: Buffer.from(rest.subarray(9, end)) })
      rest = rest.subarray(end)
    }
    look()
  })
  const end = (): void => {
    over = true
    ended.resolve()
    look()
  }
  socket.on('error', end)
  socket.on('close', end)
  const payload = Buffer.concat(
    settings.map(([id, value]) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt16BE(id)
      bytes.writeUInt32BE(value, 2)
      return bytes
    }),
  )
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0, payload)]))
  return {
    frames,
    ended: ended.promise,
    destroy: () => void socket.destroy(),
    say: (...said) => void (over || socket.write(Buffer.concat(said))),
    hears: (matches) =>
      new Promise((resolve) => {
        const mine = (): void => {
          const found = frames.find(matches)
          if (found === undefined && !over) return
          looks = looks.filter((each) => each !== mine)
          resolve(found)
        }
        looks.push(mine)
        mine()
      }),
  }
}
