/** Confluent's wire format: a zero, the id of the schema in four bytes, and the value in JSON or in Avro. */
import { avroType, type AvroType } from './avro.ts'
import { schemaClient, type RegistryAddress, type SchemaClient } from './client.ts'
import type { SchemaText } from './levels.ts'

/** Schemas that are kept in memory; the oldest goes first. */
const MOST = 1_000
const HEAD = 5

export type WireFormat = {
  /** Registers the schema where it is not known yet. @throws when the registry refuses it, or the value is not of an Avro schema */
  readonly encode: (subject: string, schema: SchemaText, value: unknown) => Promise<Uint8Array>
  /**
   * Reads by the schema that the id names; in Avro as `reader` says, where it is given.
   * @throws {TypeError} for bytes that are not in this format, or not of their schema
   */
  readonly decode: (bytes: Uint8Array, reader?: SchemaText) => Promise<{ readonly id: number; readonly value: unknown }>
}

/**
 * For messages that programs with Confluent's serializers write and read.
 *
 * @example
 * ```ts
 * import { startSchemaRegistry, wireFormat } from '@dure/registry-schemas'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const { url, stop } = await startSchemaRegistry({ directory: '.schemas/wire', port: 0, log: silentLogger() })
 * const wire = wireFormat({ url })
 * const bytes = await wire.encode('order-value', { type: 'AVRO', text: '"string"' }, 'ab')
 * console.log(bytes.join(' '), (await wire.decode(bytes)).value) // → 0 0 0 0 1 4 97 98 ab
 * await stop()
 * ```
 */
export function wireFormat(address: RegistryAddress, client: SchemaClient = schemaClient(address)): WireFormat {
  const ids = bounded<number>()
  const schemas = bounded<SchemaText>()
  const types = bounded<AvroType>()
  const typeOf = (text: string): AvroType => types(text, () => avroType(text)) as AvroType
  return {
    encode: async (subject, schema, value) => {
      const id = await ids(JSON.stringify([subject, schema.type, schema.text]), () => client.register(subject, schema))
      const data = schema.type === 'AVRO' ? typeOf(schema.text).toBuffer(value) : Buffer.from(textOf(value))
      const head = Buffer.alloc(HEAD)
      head.writeUInt32BE(id, 1)
      return Buffer.concat([head, data])
    },
    decode: async (bytes, reader) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (buffer.length < HEAD || buffer[0] !== 0)
        throw new TypeError(
          `Cannot read the message: it is not in Confluent's wire format (${buffer.length} bytes, the first is ${buffer[0] ?? 'missing'})`,
        )
      const id = buffer.readUInt32BE(1)
      const written = await schemas(String(id), () => client.schema(id))
      try {
        const data = buffer.subarray(HEAD)
        if (written.type !== 'AVRO') return { id, value: JSON.parse(data.toString('utf8')) }
        const type = typeOf(written.text)
        if (reader === undefined) return { id, value: type.fromBuffer(data) }
        const to = typeOf(reader.text)
        return { id, value: to.fromBuffer(data, to.createResolver(type, { ignoreNamespaces: true })) }
      } catch (cause) {
        throw new TypeError(`Cannot read the message by schema ${id}: ${(cause as Error).message}`, { cause })
      }
    },
  }
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError('Cannot write the message: undefined has no JSON form')
  return text
}

/** What was made under a key before; whoever asks while it is made waits for the same. What fails is made again. */
function bounded<T>() {
  const known = new Map<string, T | Promise<T>>()
  return (key: string, make: () => T | Promise<T>): T | Promise<T> => {
    const there = known.get(key)
    if (there !== undefined) return there
    const made = make()
    known.set(key, made)
    if (known.size > MOST) known.delete(known.keys().next().value!)
    if (made instanceof Promise) made.catch(() => known.delete(key))
    return made
  }
}
