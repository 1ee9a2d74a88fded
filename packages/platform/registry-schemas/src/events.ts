/** Tells a registry the schemas of a system's events when it starts, and refuses those that break somebody. */
import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AnyEvent } from 'dure/contract'
import { compareDocuments, eventDocument } from 'dure/contract/internal'
import { makeFolder } from 'dure/runtime'
import type { Adapter, EventSchemas, RefusedSchema, World } from 'dure/service'
import { RegistryAway, schemaClient, type RegistryAddress, type SchemaClient } from './client.ts'
import { SchemaFault } from './fault.ts'
import type { SchemaText } from './levels.ts'

export type RegistryOptions = RegistryAddress & {
  /**
   * Under which subject an event is registered. Default: as clients of Confluent's registry look for it, `order.placed-value` for the
   * topic `order.placed`, with the event's name where it is not the topic's. Later versions of an event, which upcasts lead to, have
   * subjects of their own: `order.placed-v2-value`.
   */
  readonly subject?: (event: AnyEvent) => string
}

/**
 * For `system(…, { schemas })`: registers what services announce when they start. A schema that breaks consumers of the one
 * registered before, or events that are stored, is refused, and the system does not start. Ids that are known are kept in the system's
 * directory: while the registry cannot be reached, a system whose schemas it has seen starts all the same.
 *
 * @example
 * ```ts
 * import { registry } from '@dure/registry-schemas'
 *
 * const schemas = registry({ url: 'http://127.0.0.1:8081' }) // system('shop', { services, schemas })
 * console.log(typeof schemas) // → function
 * ```
 */
export function registry(options: RegistryOptions): Adapter<EventSchemas> {
  // A url that is none is told here, not when the system starts.
  schemaClient(options)
  return (world) => {
    const client = schemaClient(options, world.runtime)
    return {
      announce: async (events) => {
        const refused: RefusedSchema[] = []
        for (const event of events) {
          const why = await announce(event, { client, options, world })
          if (why !== undefined) refused.push({ event: event.name, why })
        }
        return refused
      },
    }
  }
}

/** Where an event is registered unless it is told. */
export function subjectOf({ name, topic, version }: AnyEvent): string {
  return `${topic}${topic === name ? '' : `-${name}`}${version === 1 ? '' : `-v${version}`}-value`
}

type Context = { readonly client: SchemaClient; readonly options: RegistryOptions; readonly world: World }

/** Why it may not be published; undefined when it may. */
async function announce(event: AnyEvent, { client, options, world }: Context): Promise<string | undefined> {
  const subject = (options.subject ?? subjectOf)(event)
  const document = eventDocument(event)
  const schema: SchemaText = { type: 'JSON', text: JSON.stringify(document) }
  const known = knownIds(world.directory, [options.url, subject, schema.text])
  try {
    const id = await missing(client.find(subject, schema))
    if (id === undefined) {
      const last = await missing(client.version(subject))
      const broken = last?.type === 'JSON' ? compareDocuments(event.name, JSON.parse(last.text), document) : []
      const breaking = broken.filter(({ level }) => level === 'breaking')
      if (last !== undefined && breaking.length > 0) {
        const told = breaking.map(({ where, message }) => `${where.replace(`${event.name} at `, '')} ${message}`)
        return `that is not what version ${last.version} of "${subject}" in the registry says: ${[...new Set(told)].join(', ')}`
      }
    }
    await known.keep(id ?? (await client.register(subject, schema)))
    return undefined
  } catch (error) {
    if (error instanceof SchemaFault) return `the registry refuses it under "${subject}": ${error.message.replace(/\.$/, '')}`
    if (!(error instanceof RegistryAway)) throw error
    const id = await known.read()
    const where = `the schema registry at ${shownUrl(options.url)}`
    if (id === undefined)
      throw new Error(
        `The schema of "${event.name}" cannot be told to ${where}: ${error.message}, and it was never told there from this directory; start the registry, or look at its url`,
        { cause: error },
      )
    world.log.warn('Goes on without the schema registry, which knows the schema already', {
      event: event.name,
      id,
      why: error.message,
    })
    return undefined
  }
}

/** What is not there is undefined. */
async function missing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof SchemaFault && error.status === 404) return undefined
    throw error
  }
}

/** Without what may be a password. */
function shownUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}

/** A file for each schema that a registry has taken, so that processes of one system do not get into each other's way. */
function knownIds(directory: string, what: readonly string[]) {
  const folder = join(directory, 'schemas')
  const file = join(folder, `${createHash('sha256').update(JSON.stringify(what)).digest('hex')}.json`)
  return {
    read: async (): Promise<number | undefined> => {
      try {
        const { id } = JSON.parse(await readFile(file, 'utf8')) as { readonly id?: unknown }
        return Number.isInteger(id) ? (id as number) : undefined
      } catch {
        return undefined
      }
    },
    keep: async (id: number): Promise<void> => {
      makeFolder(folder)
      // Half a file is never seen.
      await writeFile(`${file}.${process.pid}`, JSON.stringify({ subject: what[1], id }))
      await rename(`${file}.${process.pid}`, file)
    },
  }
}
