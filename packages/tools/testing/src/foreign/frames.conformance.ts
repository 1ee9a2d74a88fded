/** A client of HTTP/2 that sends what it is told, frame by frame, right or wrong. Servers are tried with it, none of whose code it shares. */
import type { Socket } from 'node:net'

export type Fields = readonly (readonly [name: string, value: string])[]
export type Frame = { readonly type: number; readonly flags: number; readonly id: number; readonly payload: Buffer }

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const SETTINGS = 4

export function frame(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

/** Numbers of four bytes. */
export function number(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}

/** Headers as whoever remembers nothing sends them, so that any may be in them. */
export const block = (fields: Fields): Buffer =>
  Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))

/** A text with its length in seven bits: RFC 7541, section 5. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export type FrameClient<F extends Frame = Frame> = {
  readonly say: (...frames: readonly Buffer[]) => void
  /** All that has come. */
  readonly frames: readonly F[]
  /** The first frame that matches, once it is there; undefined: the connection has ended before. */
  readonly hears: (matches: (frame: F) => boolean) => Promise<F | undefined>
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>
}

/**
 * Begins a connection of HTTP/2.
 * @param socket that is connected
 * @param options.settings as pairs: 4 with 0 is a window of nothing
 * @param options.read what is kept of each frame, in the order in which they come
 */
export function frameClient<F extends Frame>(
  socket: Socket,
  {
    settings = [],
    read,
  }: { readonly settings?: readonly (readonly [id: number, value: number])[]; readonly read: (frame: Frame) => F },
): FrameClient<F> {
  const frames: F[] = []
  const ended = Promise.withResolvers<void>()
  let over = false
  let looks: (() => void)[] = []
  let rest = Buffer.alloc(0)
  const look = (): void => looks.forEach((each) => each())
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const payload = Buffer.from(rest.subarray(9, end))
      frames.push(read({ type: rest[3]!, flags: rest[4]!, id: rest.readUInt32BE(5), payload }))
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
  const payload = Buffer.concat(settings.map(([id, value]) => Buffer.concat([number(id).subarray(2), number(value)])))
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, payload)]))
  return {
    frames,
    ended: ended.promise,
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
