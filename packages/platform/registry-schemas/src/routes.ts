/** Confluent's REST interface, as far as clients of schemas use it. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { faults, SchemaFault } from './fault.ts'
import { kindOf, levelOf, SCHEMA_TYPES, type SchemaText } from './levels.ts'
import type { Subjects, Version } from './subjects.ts'

type Asked = FastifyRequest<{ Params: Record<string, string>; Querystring: Record<string, string>; Body: unknown }>
type Answer = (asked: Asked) => Promise<unknown> | unknown

export function serveRoutes(app: FastifyInstance, book: Subjects): void {
  const on = (route: string, answer: Answer): void => {
    const [method, url] = route.split(' ') as [string, string]
    app.route({ method, url, handler: async (asked) => JSON.stringify(await answer(asked as Asked)) })
  }
  on('GET /', () => ({}))
  on('GET /schemas/types', () => SCHEMA_TYPES)
  on('GET /schemas/ids/:id', async (asked) => shown(await book.byId(idOf(asked))))
  on('GET /schemas/ids/:id/schema', async (asked) => JSON.parse((await book.byId(idOf(asked))).text))
  on('GET /schemas/ids/:id/subjects', async (asked) => [
    ...new Set((await book.usesOf(idOf(asked), flag(asked, 'deleted'))).map(({ subject }) => subject)),
  ])
  on('GET /schemas/ids/:id/versions', async (asked) =>
    (await book.usesOf(idOf(asked), flag(asked, 'deleted'))).map(({ subject, version }) => ({ subject, version })),
  )

  on('GET /subjects', (asked) => book.subjects({ deleted: flag(asked, 'deleted'), prefix: asked.query['subjectPrefix'] ?? '' }))
  on('POST /subjects/:subject', async (asked) =>
    described(await book.find(subjectOf(asked), schemaOf(asked), flag(asked, 'deleted'))),
  )
  on('DELETE /subjects/:subject', (asked) => book.deleteSubject(subjectOf(asked), flag(asked, 'permanent')))
  on('GET /subjects/:subject/versions', (asked) => book.versions(subjectOf(asked), flag(asked, 'deleted')))
  on('POST /subjects/:subject/versions', async (asked) => {
    const { id, version, type, text } = await book.register(subjectOf(asked), schemaOf(asked))
    return { id, version, ...shown({ type, text }) }
  })
  const one = '/subjects/:subject/versions/:version'
  const found = (asked: Asked): Promise<Version> => book.version(subjectOf(asked), versionOf(asked), flag(asked, 'deleted'))
  on(`GET ${one}`, async (asked) => described(await found(asked)))
  on(`GET ${one}/schema`, async (asked) => JSON.parse((await found(asked)).text))
  // No schema refers to another one here.
  on(`GET ${one}/referencedby`, async (asked) => (await found(asked)) && [])
  on(`DELETE ${one}`, (asked) => book.deleteVersion(subjectOf(asked), versionOf(asked), flag(asked, 'permanent')))

  const compatible = (reasons: readonly string[], asked: Asked): unknown => ({
    is_compatible: reasons.length === 0,
    ...(flag(asked, 'verbose') && { messages: reasons }),
  })
  on('POST /compatibility/subjects/:subject/versions', async (asked) =>
    compatible(await book.check(subjectOf(asked), schemaOf(asked), 'all'), asked),
  )
  on('POST /compatibility/subjects/:subject/versions/:version', async (asked) =>
    compatible(await book.check(subjectOf(asked), schemaOf(asked), versionOf(asked)), asked),
  )

  on('GET /config', async () => ({ compatibilityLevel: await book.level('') }))
  on('GET /config/:subject', async (asked) => {
    const subject = subjectOf(asked)
    const own = await book.ownLevel(subject)
    if (own === undefined && !flag(asked, 'defaultToGlobal')) throw faults.noLevel(subject)
    return { compatibilityLevel: own ?? (await book.level(subject)) }
  })
  const put = async (asked: Asked, subject?: string): Promise<unknown> => {
    const compatibility = levelOf(bodyOf(asked)['compatibility'])
    await book.setLevel(compatibility, subject)
    return { compatibility }
  }
  on('PUT /config', (asked) => put(asked))
  on('PUT /config/:subject', (asked) => put(asked, subjectOf(asked)))
  on('DELETE /config', async () => ({ compatibilityLevel: await book.dropLevel() }))
  on('DELETE /config/:subject', async (asked) => ({ compatibilityLevel: await book.dropLevel(subjectOf(asked)) }))
}

/** Of Avro, the oldest kind, it is not said. */
const shown = ({ type, text }: SchemaText): object => ({ ...(type !== 'AVRO' && { schemaType: type }), schema: text })
const described = ({ subject, version, id, ...schema }: Version): object => ({ subject, version, id, ...shown(schema) })

const flag = ({ query }: Asked, name: string): boolean => query[name] === 'true'

function subjectOf({ params }: Asked): string {
  const subject = params['subject']!
  if (!/^[^\p{Cc}]{1,255}$/u.test(subject)) throw faults.invalidSubject(subject)
  return subject
}

function idOf({ params }: Asked): number {
  const id = Number(params['id'])
  // As an id that nobody was ever given.
  if (!Number.isInteger(id) || id < 1) throw new SchemaFault(40403, `Schema ${params['id']} not found`)
  return id
}

function versionOf({ params }: Asked): number | 'latest' {
  const text = params['version']!
  if (text === 'latest' || text === '-1') return 'latest'
  const version = Number(text)
  if (!/^\d+$/.test(text) || version < 1 || version > 2 ** 31 - 1) throw faults.invalidVersion(text.slice(0, 40))
  return version
}

function bodyOf({ body }: Asked): Readonly<Record<string, unknown>> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as never
  throw faults.malformed('its body is to be a JSON object')
}

function schemaOf(asked: Asked): SchemaText {
  const { schema, schemaType = 'AVRO', references = [] } = bodyOf(asked)
  if (!Array.isArray(references) || references.length > 0)
    throw faults.invalidSchema('"references" to other schemas are not served; put their definitions into this one')
  if (typeof schema !== 'string') throw faults.invalidSchema('"schema" is to be the text of a schema')
  return { type: kindOf(schemaType), text: schema }
}
