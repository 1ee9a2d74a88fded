import { CallError, contract } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtensions, Silent, wideQuery } from '../across.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

/** `behind`: milliseconds from the watermark to the clock; `rows`: of state. `aside`, `late`, `duplicates` and `dead` are of the process that was asked. */
const State = z.object({
  ...{ service: z.string(), name: z.string(), watermark: z.number().optional(), behind: z.number().optional() },
  ...{ records: z.number(), rows: z.number(), aside: z.number(), late: z.number(), duplicates: z.number(), dead: z.number() },
  ...{ bytes: z.number().describe('of state in memory'), spilled: z.boolean().describe('some of it is in the store alone') },
  told: z.array(z.object({ operator: z.string(), count: z.number(), perSecond: z.number() })),
  operators: z.string().describe('a line for each, behind those that it reads'),
})
const Step = z.object({
  ...{
    operator: z.string(),
    key: z.string(),
    did: z.enum(['took', 'late', 'told']),
    time: z.number(),
    watermark: z.number().optional(),
  },
  record: z.object({ topic: z.string(), partition: z.number(), position: z.string().optional(), message: z.string() }).optional(),
  value: z.string().optional(),
})
const Why = z.object({
  ...{ service: z.string(), topology: z.string(), records: z.number(), noted: z.number(), steps: z.array(Step) },
})
const Streams = contract('streams', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Topologies: how far each has come in the time of its events, and what its state is',
  operations: {
    list: wideQuery({
      input: z.object({ name: z.string().optional(), service: z.string().optional() }),
      output: z.object({ streams: z.array(State), silent: Silent }),
      description: 'Every topology of every service',
    }),
    why: wideQuery({
      input: z.object({ name: z.string(), key: z.string(), service: z.string().optional() }),
      output: z.object({ ways: z.array(Why), silent: Silent }),
      description:
        'How a key came to what it has, at an operator or at all of a topology: a sample, of the process that is asked',
    }),
  },
})

/** Streams of all services. */
export const streams: OperatorPart = operatorPart({
  contract: Streams,
  rules: {},
  answer: ({ host }) => ({ list: (which) => list(host, which), why: (which) => why(host, which) }),
})

async function list(
  host: DoorHost,
  { name, service: of }: { readonly name?: string | undefined; readonly service?: string | undefined },
) {
  const request = { kind: 'stream', method: 'list', name, service: of }
  const { values, silent } = await askExtensions<readonly Omit<z.infer<typeof State>, 'service'>[]>(host, request)
  const all = values.flatMap(({ service, value }) => value.map((one) => ({ ...one, service })))
  return { streams: name === undefined ? all : all.filter((one) => one.name === name), silent }
}

async function why(
  host: DoorHost,
  { name, key, service: of }: { readonly name: string; readonly key: string; readonly service?: string | undefined },
) {
  const request = { kind: 'stream', method: 'why', input: { name, key }, service: of }
  const { values, silent } = await askExtensions<readonly Omit<z.infer<typeof Why>, 'service'>[]>(host, request)
  const ways = values.flatMap(({ service, value }) => value.map((one) => ({ ...one, service })))
  if (ways.length === 0 && silent.length === 0)
    throw new CallError(
      'NOT_FOUND',
      `No service has a stream, or an operator of one, called "${name}"; "dure streams" lists them`,
    )
  return { ways, silent }
}
