/** What Dure's own tools use of the Thrift door, and no promise to anybody else. */
import { isDeepStrictEqual } from 'node:util'
import type { AnyContract } from 'dure/contract'
import { methodCodecs } from './methods.ts'
import { modelOf } from './model.ts'
import { BinaryReader, BinaryWriter } from './wire/wire.ts'

export { codecsOf } from './codec.ts'
export { methodCodecs } from './methods.ts'
export { modelOf } from './model.ts'
export { BinaryReader, BinaryWriter, CompactReader, CompactWriter, MESSAGE } from './wire/wire.ts'
export { thriftPeers, type ThriftPeersOptions } from './client/peer.ts'

/** Whether an input of an operation arrives as it is. */
export function comesBack(contract: AnyContract, operation: string): (input: unknown) => boolean {
  const { args } = methodCodecs(modelOf([contract])).get(`${contract.name}.${operation}`)!
  return (input) => {
    const writer = new BinaryWriter(64 * 1024 * 1024)
    try {
      writer.frame()
      args.write(writer, { input })
      const { input: read } = args.read(new BinaryReader(writer.framed().subarray(4))) as { readonly input?: unknown }
      return isDeepStrictEqual(read, input)
    } catch {
      return false
    }
  }
}
