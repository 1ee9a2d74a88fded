/** Who speaks, and which version: the first frame each way. */
import { BodyReader, FrameWriter } from './frames.ts'
import * as wire from './protocol.ts'
import { ProtocolError } from './protocol.ts'

/** The first frame may be this long, so that a stranger cannot make anybody wait for more. */
export const HELLO_LIMIT = 1_024

/** A caller's first words, alone: nothing else is sent before it knows to whom. */
export function hello(frame: number): Buffer {
  const writer = new FrameWriter()
  writeHello(writer, frame)
  return writer.take()
}

/** @param frame bytes of the longest frame that this side takes */
export function writeHello(writer: FrameWriter, frame: number): void {
  writer.begin(wire.HELLO, 0)
  writer.int(wire.MAGIC)
  writer.short(wire.VERSION)
  writer.int(frame)
  writer.end()
}

export function writeRefusal(writer: FrameWriter, why: string): void {
  writer.begin(wire.REFUSE, 0)
  writer.text(why)
  writer.end()
}

/**
 * Reads the other side's first frame.
 * @returns bytes of the longest frame that it takes
 * @throws {ProtocolError} for a stranger, another version, or a refusal
 */
export function readHello(type: number, bytes: Buffer, start: number, end: number): number {
  const body = new BodyReader(bytes, start, end)
  if (type === wire.REFUSE) throw new ProtocolError(`the other side refused: ${body.text()}`)
  if (type !== wire.HELLO || body.int() !== wire.MAGIC) throw new ProtocolError('the other side does not speak Dure’s protocol')
  const version = body.short()
  if (version !== wire.VERSION)
    throw new ProtocolError(`the other side speaks version ${version} of the protocol and this one version ${wire.VERSION}`)
  const frame = body.int()
  if (frame < HELLO_LIMIT)
    throw new ProtocolError(`the other side takes frames of ${frame} bytes at most, too short for any answer`)
  return frame
}
