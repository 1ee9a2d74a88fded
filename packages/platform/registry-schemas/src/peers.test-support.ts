/** What programs of others make of the registry, and what its client makes of theirs: one line a check. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { event, type AnyEvent } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { startSchemaRegistry } from './registry.ts'
import { schemaClient } from './client.ts'
import { registry } from './events.ts'
import { wireFormat } from './wire-format.ts'

const [kafkajs = '', python = '', serializers = '', apicurio = ''] = process.argv.slice(2)

type Registered = { readonly id: number }
/** `@kafkajs/confluent-schema-registry`, as far as it is used here. */
type KafkaJs = {
  readonly register: (schema: object, options: { readonly subject: string }) => Promise<Registered>
  readonly encode: (id: number, value: unknown) => Promise<Buffer>
  readonly decode: (bytes: Buffer) => Promise<unknown>
  readonly getLatestSchemaId: (subject: string) => Promise<number>
}

const AVRO = {
  type: 'AVRO',
  text: JSON.stringify({
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'total', type: 'int' },
    ],
  }),
} as const
const JSON_SCHEMA = {
  type: 'JSON',
  text: JSON.stringify({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'order',
    type: 'object',
    properties: { id: { type: 'string' }, total: { type: 'integer' } },
    required: ['id'],
  }),
} as const
const VALUE = { id: 'o-1', total: 5 }

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

const directory = mkdtempSync(join(tmpdir(), 'dure-schema-peers-'))
const { url, stop } = await startSchemaRegistry({ directory, port: 0, log: silentLogger() })
try {
  const wire = wireFormat({ url })
  await check('@kafkajs/confluent-schema-registry', async () => {
    const { SchemaRegistry } = createRequire(join(kafkajs, 'package.json'))('@kafkajs/confluent-schema-registry') as {
      readonly SchemaRegistry: new (options: { readonly host: string }) => KafkaJs
    }
    const theirs = new SchemaRegistry({ host: url })
    for (const schema of [AVRO, JSON_SCHEMA]) {
      const subject = `kafkajs.${schema.type.toLowerCase()}`
      const { id } = await theirs.register({ type: schema.type, schema: schema.text }, { subject })
      assert.equal(await theirs.getLatestSchemaId(subject), id)
      const written = await theirs.encode(id, VALUE)
      assert.deepEqual({ ...((await wire.decode(written)).value as object) }, VALUE)
      const read = await theirs.decode(Buffer.from(await wire.encode(subject, schema, VALUE)))
      assert.deepEqual({ ...(read as object) }, VALUE)
    }
    const narrower = AVRO.text.replace('"int"', '"string"')
    await assert.rejects(theirs.register({ type: 'AVRO', schema: narrower }, { subject: 'kafkajs.avro' }), /incompatible/)
    return 'registers, writes what we read and reads what we write, in Avro and in JSON; knows what is refused'
  })
  await check('confluent-kafka for Python', async () => {
    const [avro, json] = [
      await wire.encode('ours.avro-value', AVRO, VALUE),
      await wire.encode('ours.json-value', JSON_SCHEMA, VALUE),
    ]
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
    const { stdout } = await promisify(execFile)(python, [serializers, url, hex(avro), hex(json)])
    const said = JSON.parse(stdout) as { readonly avro: string; readonly json: string; readonly read: readonly unknown[] }
    assert.deepEqual(said.read, [VALUE, VALUE])
    for (const written of [said.avro, said.json])
      assert.deepEqual({ ...((await wire.decode(Buffer.from(written, 'hex'))).value as object) }, VALUE)
    return "Confluent's serializers register, write what we read and read what we write; compatibility, levels and errors as they know them"
  })
  await check('Apicurio Registry', () =>
    withApicurio(apicurio, async (other) => {
      const client = schemaClient({ url: other })
      const theirs = wireFormat({ url: other })
      for (const schema of [AVRO, JSON_SCHEMA]) {
        const subject = `dure.${schema.type.toLowerCase()}`
        const id = await client.register(subject, schema)
        assert.deepEqual([await client.find(subject, schema), (await client.version(subject)).id], [id, id])
        assert.equal((await client.schema(id)).type, schema.type)
        assert.deepEqual({ ...((await theirs.decode(await theirs.encode(subject, schema, VALUE))).value as object) }, VALUE)
      }
      assert.ok((await client.subjects()).includes('dure.avro'))
      await assert.rejects(client.version('nothing'), { code: 40401 })
      const placed = (total: z.ZodType): AnyEvent =>
        event('order.placed', { schema: z.object({ id: z.string(), at: z.date(), total }), key: ({ id }) => id })
      const { announce } = await registry({ url: other })({ directory, runtime: realRuntime(), log: silentLogger() })
      assert.deepEqual(await announce([placed(z.int())]), [])
      const [refused] = await announce([placed(z.string())])
      assert.match(refused?.why ?? '', /total may be string/)
      return 'our client registers there, finds, writes and reads; an event that breaks its consumers is refused'
    }),
  )
} finally {
  await stop()
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1

/** Starts it in memory, on a port that is free, hands its address to the work and ends it. */
async function withApicurio<T>(folder: string, work: (url: string) => Promise<T>): Promise<T> {
  const jar = join(folder, 'apicurio-registry-app-2.6.13.Final-runner.jar')
  const settings = ['-Xmx512m', '-Dquarkus.http.host=127.0.0.1', '-Dquarkus.http.port=0']
  const child = spawn('java', [...settings, '-jar', jar], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let said = ''
      const listen = (text: string): void => {
        said += text
        const found = /Listening on: (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      }
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', listen)
      ended.then(() => reject(new Error(`Apicurio ended: ${said.slice(-2_000)}`)), reject)
    })
    return await work(`${url}/apis/ccompat/v7`)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}
