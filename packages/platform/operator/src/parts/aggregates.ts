import { CallError, contract } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtension, askExtensions, Silent, wideQuery, wideCommand } from '../across.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

const Event = z.object({
  ...{ version: z.number(), id: z.string(), type: z.string(), time: z.number(), correlationId: z.string() },
  ...{ causationId: z.string().optional(), initiator: z.string().optional(), data: z.unknown() },
})
const service = z.string().optional().describe('needed where several services have one of that name')
const which = { aggregate: z.string(), service, id: z.string() }
const limit = z.int().min(1).max(1_000).default(100)

const Aggregates = contract('aggregates', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Aggregates that are kept as the events which led to them; what is personal is shown as if it were forgotten',
  operations: {
    list: wideQuery({
      output: z.object({
        aggregates: z.array(z.object({ service: z.string(), name: z.string(), events: z.array(z.string()) })),
        silent: Silent,
      }),
      description: 'Aggregates of all services, with the types of their events',
    }),
    streams: wideQuery({
      input: z.object({
        aggregate: z.string(),
        service,
        after: z.string().optional().describe('the last id of the page before'),
        limit,
      }),
      output: z.array(z.object({ id: z.string(), version: z.number(), time: z.number() })),
      description: 'Streams of an aggregate, by their ids, with their last version',
    }),
    events: wideQuery({
      input: z.object({ ...which, from: z.int().min(1).default(1).describe('a version'), limit }),
      output: z.array(Event),
      description: 'The events of one stream',
    }),
    show: wideQuery({
      input: z.object({
        ...which,
        version: z.int().min(0).optional().describe('as it was then'),
        time: z.number().optional().describe('as it was then: milliseconds since the epoch'),
      }),
      output: z.object({ version: z.number(), state: z.unknown() }),
      description: 'The state of one: now, at a version, or at a time',
    }),
    forget: wideCommand({
      input: z.object({ subject: z.string().describe('as its events name it'), service }),
      output: z.object({ forgotten: z.array(z.object({ service: z.string(), value: z.boolean() })), silent: Silent }),
      description: 'Takes away the key of a subject: what is personal of it can never be read again',
    }),
  },
})

type Listed = { readonly name: string; readonly events: readonly string[] }

/** Event stores of all services. */
export const aggregates: OperatorPart = operatorPart({
  contract: Aggregates,
  rules: { forget: { reason: true, act: 'own' } },
  answer: ({ host }) => ({
    list: async () => {
      const { values, silent } = await askExtensions<readonly Listed[]>(host, { kind: 'aggregate', method: 'list' })
      const all = values.flatMap(({ service: of, value }) =>
        value.map(({ name, events }) => ({ service: of, name, events: [...events] })),
      )
      return { aggregates: all, silent }
    },
    streams: (input) => ask(host, 'streams', input),
    events: (input) => ask(host, 'events', input),
    show: (input) => ask(host, 'at', input),
    forget: async ({ subject, service: of }, { name: by, reason }) => {
      const question = { kind: 'aggregate', method: 'forget', input: { subject, by, reason }, service: of }
      const { values, silent } = await askExtensions<boolean>(host, question)
      return { forgotten: values, silent }
    },
  }),
})

function ask<T>(
  host: DoorHost,
  method: string,
  input: { readonly aggregate: string; readonly service?: string | undefined },
): Promise<T> {
  const { aggregate, service: wanted } = input
  const owners = host.extensions.filter(
    ({ kind, name, service: of }) => kind === 'aggregate' && name === aggregate && of === (wanted ?? of),
  )
  const [only, ...others] = owners
  if (only === undefined)
    throw new CallError('NOT_FOUND', `No service${wanted === undefined ? '' : ` "${wanted}"`} has an aggregate "${aggregate}"`)
  if (others.length > 0) {
    const named = owners.map(({ service: of }) => `"${of}"`).join(', ')
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot tell which aggregate "${aggregate}" is meant: ${named} have one; say which service`,
    )
  }
  return askExtension<T>(host, only.service, { kind: 'aggregate', method, input })
}
