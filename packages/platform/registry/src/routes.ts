/** Eureka's REST interface, as its clients use it; and the push of our own, which is the same delta for who is ready to wait. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createDocuments, type Format } from './documents.ts'
import { RegistryFault } from './fault.ts'
import { checkInstance, recordOf, statusOf, timestamp, valueOfXml, type InstanceLimits } from './instance.ts'
import type { Lease } from './lease.ts'
import type { Book } from './leases.ts'
import type { News } from './news.ts'
import { parseXml } from './xml.ts'

type Asked = FastifyRequest<{ Params: Record<string, string>; Querystring: Record<string, unknown>; Body: unknown }>
type Answer = string | { readonly status: number }

export type Served = {
  readonly book: Book
  readonly news: News
  /** Another one at each start: what was told before may have been lost. */
  readonly epoch: string
  /** Resolves when all changes are on the disk. */
  readonly flush: () => Promise<void>
  readonly limits: InstanceLimits
}

/** `epoch.revision` of an answer; and since when what is answered is kept without knowing better, in milliseconds since the epoch. */
export const REVISION = 'x-dure-revision'
export const STALE_SINCE = 'x-dure-stale-since'
/** Seconds that one may wait. */
const LONGEST_WAIT = 30

const DONE = { status: 200 } as const

export function serveRoutes(app: FastifyInstance, { book, news, epoch, flush, limits }: Served): void {
  const documents = createDocuments(book)
  const on = (route: string, answer: (asked: Asked, format: Format, reply: FastifyReply) => Promise<Answer> | Answer): void => {
    const [method, url] = route.split(' ') as [string, string]
    app.route({
      method,
      url: `/eureka${url}`,
      handler: async (asked, reply) => {
        const format = formatOf(asked)
        const said = await answer(asked as Asked, format, reply)
        if (typeof said !== 'string') return reply.code(said.status).send()
        return reply.type(format === 'json' ? 'application/json' : 'application/xml').send(said)
      },
    })
  }
  /** Said with what is answered, which is made in the same turn. */
  const mark = (reply: FastifyReply): void => {
    void reply.header(REVISION, `${epoch}.${book.revision()}`)
    const since = book.staleSince()
    if (since !== undefined) void reply.header(STALE_SINCE, String(since))
  }

  on('GET /apps', (_asked, format, reply) => {
    mark(reply)
    return documents.all(format)
  })
  on('GET /apps/delta', async (asked, format, reply) => {
    const after = revisionOf(asked, epoch)
    const seconds = after === undefined ? 0 : waitOf(asked)
    if (seconds > 0 && book.changes(after)?.length === 0) await news.wait(seconds * 1000, gone(reply))
    const changes = book.changes(after)
    if (changes === undefined)
      throw new RegistryFault(
        410,
        'Cannot tell what has changed since: it is too long ago, or from before a restart; ask for all of it',
      )
    mark(reply)
    return documents.delta(format, changes)
  })
  on('GET /apps/:app', (asked, format) => {
    const name = appOf(asked)
    const leases = book.ofApp(name)
    if (leases.length === 0) throw unknown(`application "${name}"`)
    return documents.app(format, name, leases)
  })
  on('GET /apps/:app/:id', (asked, format) => documents.one(format, leaseOf(asked)))
  on('GET /instances/:id', (asked, format) => {
    const found = [...book.all()].find(({ instance }) => instance.id === asked.params['id'])
    if (found === undefined) throw unknown(`instance "${asked.params['id']}"`)
    return documents.one(format, found)
  })
  for (const [path, field] of [
    ['vips', 'vipAddress'],
    ['svips', 'secureVipAddress'],
  ] as const)
    on(`GET /${path}/:vip`, (asked, format) => {
      const vip = asked.params['vip']!.toLowerCase()
      const found = [...book.all()].filter(({ instance }) => instance[field]?.toLowerCase().split(',').includes(vip))
      if (found.length === 0) throw unknown(`address "${vip}"`)
      return documents.some(format, found)
    })

  on('POST /apps/:app', async (asked) => {
    const instance = checkInstance(said(asked), limits)
    if (instance.app !== appOf(asked))
      throw new RegistryFault(
        400,
        `Cannot register the instance: it is of "${instance.app}", and the path says "${appOf(asked)}"`,
      )
    book.register(instance, asked.ip)
    await flush()
    return { status: 204 }
  })
  on('PUT /apps/:app/:id', (asked) => {
    const dirty = asked.query['lastDirtyTimestamp']
    const known = book.renew(
      appOf(asked),
      asked.params['id']!,
      dirty === undefined ? undefined : timestamp(dirty, 'lastDirtyTimestamp'),
    )
    if (!known) throw unknown(`instance "${asked.params['id']}" of "${appOf(asked)}" as it says it is; register it`)
    return DONE
  })
  on('DELETE /apps/:app/:id', (asked) => change(asked, (name, id) => book.remove(name, id)))
  on('PUT /apps/:app/:id/status', (asked) => {
    const status = statusOf(asked.query['value'])
    return change(asked, (name, id) => book.override(name, id, status === 'UNKNOWN' ? undefined : status))
  })
  on('DELETE /apps/:app/:id/status', (asked) => change(asked, (name, id) => book.override(name, id, undefined)))
  on('PUT /apps/:app/:id/metadata', (asked) => {
    const more = recordOf({ ...asked.query }, 'metadata')
    const { metadata } = leaseOf(asked).instance
    if (JSON.stringify({ ...metadata, ...more }).length > limits.instanceSize)
      throw new RegistryFault(400, `Cannot change the metadata: it would be longer than ${limits.instanceSize} characters`)
    return change(asked, (name, id) => book.describe(name, id, more))
  })

  const change = async (asked: Asked, work: (app: string, id: string) => boolean): Promise<Answer> => {
    if (!work(appOf(asked), asked.params['id']!)) throw unknown(`instance "${asked.params['id']}" of "${appOf(asked)}"`)
    await flush()
    return DONE
  }
  const leaseOf = (asked: Asked): Lease => {
    const found = book.find(appOf(asked), asked.params['id']!)
    if (found === undefined) throw unknown(`instance "${asked.params['id']}" of "${appOf(asked)}"`)
    return found
  }
}

/** XML, unless JSON is asked for: as Eureka. */
export function formatOf({ headers }: FastifyRequest): Format {
  return headers.accept?.includes('json') === true ? 'json' : 'xml'
}

const appOf = ({ params }: Asked): string => params['app']!.toUpperCase()
const unknown = (what: string): RegistryFault => new RegistryFault(404, `There is no ${what.slice(0, 300)}`)

/** Aborts when whoever asked has gone. */
function gone({ raw }: FastifyReply): AbortSignal {
  const abort = new AbortController()
  raw.once('close', () => abort.abort())
  return abort.signal
}

/** The revision that is known; of another epoch it is none that can be gone on from. */
function revisionOf({ query }: Asked, epoch: string): number | undefined {
  const after = query['after']
  if (after === undefined) return undefined
  const text = String(after)
  const [, of, revision] = /^([\w-]{1,64})\.(\d{1,15})$/.exec(text) ?? []
  if (of === undefined) throw new RegistryFault(400, `Cannot read "after": give the value of the header ${REVISION}`)
  return of === epoch ? Number(revision) : Number.POSITIVE_INFINITY
}

/** RFC 7240: `Prefer: wait=20`. */
function waitOf({ headers }: Asked): number {
  const [, seconds] = /(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])/.exec(String(headers['prefer'] ?? '')) ?? []
  return Math.min(LONGEST_WAIT, Number(seconds ?? 0))
}

/** The instance that a body describes. @throws {RegistryFault} 400 */
function said({ body, headers }: Asked): unknown {
  try {
    if (headers['content-type']?.includes('json') === true)
      return (JSON.parse(String(body)) as { readonly instance?: unknown } | null)?.instance
    return valueOfXml(parseXml(String(body)))
  } catch (cause) {
    if (cause instanceof RegistryFault) throw cause
    throw new RegistryFault(400, `Cannot read the body: ${(cause as Error).message}`, { cause })
  }
}
