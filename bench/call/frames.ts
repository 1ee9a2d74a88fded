import type { Socket } from 'node:net'

export type Packer = { readonly pack: (value: unknown) => Buffer; readonly unpack: (bytes: Buffer) => unknown }

/**
 * What a call over a socket cannot do without, and nothing else: a length, a number, MessagePack, one write a turn. No
 * deadlines, limits, validation, errors or cancellation.
 */
export function bareFrames(
  socket: Socket,
  packer: Packer,
  onFrame: (id: number, value: unknown) => void,
): (id: number, value: unknown) => void {
  let rest: Buffer | undefined
  let out: Buffer[] = []
  let scheduled = false
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    rest = undefined
    let at = 0
    while (bytes.length - at >= 8) {
      const end = at + 4 + bytes.readUInt32BE(at)
      if (end > bytes.length) break
      onFrame(bytes.readUInt32BE(at + 4), packer.unpack(bytes.subarray(at + 8, end)))
      at = end
    }
    if (at < bytes.length) rest = bytes.subarray(at)
  })
  const flush = (): void => {
    scheduled = false
    socket.write(Buffer.concat(out))
    out = []
  }
  return (id, value) => {
    const body = packer.pack(value)
    const head = Buffer.allocUnsafe(8)
    head.writeUInt32BE(body.length + 4, 0)
    head.writeUInt32BE(id, 4)
    out.push(head, body)
    if (scheduled) return
    scheduled = true
    setImmediate(flush)
  }
}
