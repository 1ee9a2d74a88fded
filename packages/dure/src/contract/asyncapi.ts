/** AsyncAPI 3 of the events that services announce. */
import { bindingsFor, type AsyncReader, type AsyncServers } from './async-bindings.ts'
import { components, pascal } from './components.ts'
import type { AnyContract } from './definition.ts'
import { keyOf } from './describe.ts'
import { draft07 } from './draft-07.ts'
import type { AnyEvent } from './event.ts'
import { shown } from './json-schema.ts'
import { info, tagOf, type DocumentOptions } from './openapi.ts'
import { isSchema } from './keywords.ts'
import type { ErrorTypes } from './operation.ts'
import type { AnyRequest } from './request.ts'
import type { AnySchema, JsonSchema } from './schema.ts'

export type AsyncApiOptions = DocumentOptions & {
  /** Brokers by name: `{ production: { host: 'kafka.example.com:9092', protocol: 'kafka' } }`. What their protocol has to say is in bindings. */
  readonly servers?: AsyncServers
  /** What a topic, a queue or a group is called there. Default: as it is in contracts. */
  readonly address?: (what: 'topic' | 'queue' | 'group', name: string) => string
  /** Who reacts to what events: each is an operation that receives. Default: nobody that is known. */
  readonly readers?: readonly AsyncReader[]
}

export type { AsyncReader, AsyncServers } from './async-bindings.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Draws an AsyncAPI 3 document: a channel for each event, its message a CloudEvents 1.0 envelope around the data.
 *
 * @example
 * ```ts
 * import { asyncapi, contract, event } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Counted = event('stock.counted', { schema: z.object({ sku: z.string() }), key: ({ sku }) => sku })
 * const Stock = contract('stock', { version: '1.0.0', owner: 'team-warehouse', operations: {}, events: [Counted] })
 * console.log(Object.keys(asyncapi([Stock], { title: 'Shop' })['channels'] as object)) // → [ 'stock.counted' ]
 * ```
 */
export function asyncapi(contracts: readonly AnyContract[], options: AsyncApiOptions): Json {
  const book = components()
  const channels: Record<string, Json> = {}
  const operations: Record<string, Json> = {}
  const messages: Record<string, Json> = {}
  const { address = (_: string, name: string) => name, readers = [] } = options
  const bindings = bindingsFor(options.servers ?? {})
  for (const contract of contracts) {
    for (const event of contract.events) {
      const { name, topic } = event
      messages[name] = {
        ...drawMessage(event, book.add(shown(event.schema, 'output'), pascal(name))),
        ...bindings.message(event),
      }
      const carried = { ...(channels[topic]?.['messages'] as Json), [name]: { $ref: `#/components/messages/${name}` } }
      const place = address('topic', topic)
      channels[topic] = {
        address: place,
        ...(topic === name && described(event)),
        messages: carried,
        ...bindings.topic(place, event),
      }
      operations[`${contract.name}.${name}`] = {
        action: 'send',
        channel: { $ref: `#/channels/${topic}` },
        summary: `${contract.name} announces ${name}`,
        tags: [{ name: contract.name }],
        messages: [{ $ref: `#/channels/${topic}/messages/${name}` }],
      }
      for (const reader of readers.filter((one) => one.event === name))
        operations[`${reader.service}.${reader.name}.reads`.replaceAll(/[^\w.-]/g, '-')] = {
          action: 'receive',
          channel: { $ref: `#/channels/${topic}` },
          summary: `${reader.service} reacts to ${name}`,
          tags: [{ name: reader.service }],
          messages: [{ $ref: `#/channels/${topic}/messages/${name}` }],
          ...bindings.group(address('group', `${reader.service}/${reader.name}`)),
        }
    }
    for (const request of contract.requests ?? []) {
      const { name } = request
      const answers = `${name}.reply`
      messages[name] = drawMessage(request, book.add(shown(request.schema, 'output'), pascal(name)), REPLY_TO)
      const body = { oneOf: bodiesOf(request, (schema, part) => book.add(shown(schema, 'output'), pascal(`${name}.${part}`))) }
      messages[answers] = drawMessage(
        { ...request, name: answers, version: 1, description: undefined },
        body,
        replyAttributes(answers),
        ['causationid'],
      )
      for (const each of [name, answers]) {
        channels[each] = {
          // Whoever asks says where it waits.
          address: each === name ? address('queue', name) : null,
          ...(each === name && described(request)),
          messages: { [each]: { $ref: `#/components/messages/${each}` } },
          ...(each === name && bindings.queue(address('queue', name))),
        }
      }
      operations[`${contract.name}.${name}`] = {
        action: 'receive',
        channel: { $ref: `#/channels/${name}` },
        summary: `${contract.name} answers ${name}`,
        tags: [{ name: contract.name }],
        messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
        reply: {
          address: { location: '$message.payload#/replyto', description: `A queue whose name begins with "${answers}."` },
          channel: { $ref: `#/channels/${answers}` },
          messages: [{ $ref: `#/channels/${answers}/messages/${answers}` }],
        },
      }
    }
  }
  return {
    asyncapi: '3.0.0',
    info: { ...info(contracts, options), tags: tagsOf(contracts, readers) },
    defaultContentType: 'application/cloudevents+json',
    ...(options.servers !== undefined && { servers: options.servers }),
    channels,
    operations,
    components: {
      messages,
      schemas: Object.fromEntries(
        Object.entries(book.schemas()).map(([name, schema]) => [name, isSchema(schema) ? draft07(schema) : schema]),
      ),
    },
  }
}

// Attribute names of extensions are lower case: CloudEvents 1.0, "Naming conventions"; partitionkey is of its partitioning extension.
function drawMessage(
  event: AnyEvent,
  data: JsonSchema,
  more: Readonly<Record<string, JsonSchema>> = {},
  needed: readonly string[] = [],
): Json {
  const text = { type: 'string' }
  const key = keyOf(event)
  return {
    name: event.name,
    title: pascal(event.name),
    ...described(event),
    contentType: 'application/cloudevents+json',
    correlationId: { location: '$message.payload#/correlationid' },
    payload: {
      type: 'object',
      properties: {
        specversion: { const: '1.0' },
        id: { type: 'string', description: 'UUIDv7, made once: consumers deduplicate by it' },
        source: { type: 'string', description: 'The service that announces it' },
        type: { const: event.name },
        time: { type: 'string', format: 'date-time' },
        datacontenttype: { const: 'application/json' },
        partitionkey: { type: 'string', description: `Events of one key keep their order${key === undefined ? '' : `: ${key}`}` },
        schemaversion: { type: 'integer', minimum: 1, maximum: event.version, description: 'Version of the schema of the data' },
        correlationid: text,
        causationid: text,
        traceparent: text,
        ...more,
        data: draft07(data),
      },
      required: [
        ...needed,
        'specversion',
        'id',
        'source',
        'type',
        'time',
        'partitionkey',
        'schemaversion',
        'correlationid',
        'data',
      ],
    },
    'x-dure-schema-version': event.version,
  }
}

const REPLY_TO = { replyto: { type: 'string', description: 'The queue on which its sender waits' } }
const replyAttributes = (name: string) => ({
  type: { type: 'string', description: `The queue that it is on, which begins with "${name}."` },
  causationid: { type: 'string', description: 'The id of the request' },
})

/** `output`, nothing where there is none, or `error`. */
function bodiesOf({ output, errors }: AnyRequest, draw: (schema: AnySchema, part: string) => JsonSchema): readonly JsonSchema[] {
  const done = output === undefined ? {} : { properties: { output: draw(output, 'output') }, required: ['output'] }
  return [
    { type: 'object', ...done },
    ...Object.values(errors as ErrorTypes).map(({ code, data }) => {
      const properties = { code: { const: code }, ...(data !== undefined && { data: draw(data, code.toLowerCase()) }) }
      return {
        type: 'object',
        properties: { error: { type: 'object', properties, required: Object.keys(properties) } },
        required: ['error'],
      }
    }),
  ]
}

/** Readers may be of services without a contract in the document. */
function tagsOf(contracts: readonly AnyContract[], readers: readonly AsyncReader[]): readonly Json[] {
  const others = new Set(readers.map(({ service }) => service).filter((name) => !contracts.some((one) => one.name === name)))
  return [...contracts.map(tagOf), ...[...others].map((name) => ({ name }))]
}

const described = (event: AnyEvent): Json => (event.description === undefined ? {} : { description: event.description })
