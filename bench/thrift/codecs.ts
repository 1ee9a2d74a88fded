/** The same struct in the same bytes, by our codec and by the code that Thrift's compiler makes for npm's `thrift`. */
import { BinaryReader, BinaryWriter, codecsOf, CompactReader, CompactWriter, modelOf } from '@dure/thrift/internal'
import { isDeepStrictEqual } from 'node:util'
import type { Made, NpmStruct } from './npm.ts'
import { order, Orders, placeCodec } from './orders.ts'

export type Side = { readonly encode: () => Buffer; readonly decode: () => unknown }
export type Pair = { readonly dure: Side; readonly npm: Side }

const OURS = { binary: [BinaryWriter, BinaryReader], compact: [CompactWriter, CompactReader] } as const
const THEIRS = { binary: 'TBinaryProtocol', compact: 'TCompactProtocol' } as const
export const PROTOCOLS = ['binary', 'compact'] as const
type Protocol = (typeof PROTOCOLS)[number]

/** Both read and write frames of a socket. @throws when their bytes differ: then there is nothing to compare */
export function pairOf(protocol: Protocol, made: Made): Pair {
  const frame = frameOf(protocol)
  const pair = { dure: ours(protocol, frame), npm: theirs(protocol, made, frame) }
  for (const [name, { encode }] of Object.entries(pair)) {
    const bytes = encode()
    if (!bytes.equals(frame))
      throw new Error(
        `Cannot compare the ${protocol} protocols: their bytes differ, ${frame.toString('hex')} and, by ${name}, ${bytes.toString('hex')}`,
      )
  }
  if (!isDeepStrictEqual(pair.dure.decode(), order)) throw new Error(`Cannot read the order back (${protocol})`)
  return pair
}

const codec = codecsOf(modelOf([Orders])).of(placeCodec.method.input!.type)

function frameOf(protocol: Protocol): Buffer {
  return ours(protocol, Buffer.alloc(0)).encode()
}

function ours(protocol: Protocol, frame: Buffer): Side {
  const [Writer, Reader] = OURS[protocol]
  const writer = new Writer(1024 * 1024)
  return {
    encode: () => {
      writer.frame()
      codec.write(writer, order)
      return writer.framed()
    },
    decode: () => codec.read(new Reader(frame.subarray(4))),
  }
}

function theirs(protocol: Protocol, { thrift, types }: Made, frame: Buffer): Side {
  const { TFramedTransport, [THEIRS[protocol]]: Protocol } = thrift
  const struct = new types.NewOrder({ ...order, at: order.at.getTime() })
  const decode = (): NpmStruct => {
    const read = new types.NewOrder()
    read.read(new Protocol(new TFramedTransport(frame.subarray(4))))
    return read
  }
  return {
    decode,
    encode: () => {
      let bytes: Buffer | undefined
      const transport = new TFramedTransport(undefined, (flushed) => void (bytes = flushed))
      struct.write(new Protocol(transport))
      transport.flush()
      return bytes!
    },
  }
}
