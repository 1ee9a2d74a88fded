import { contract } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtensions, Silent, wideQuery } from '../across.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

/** `behind`: milliseconds from the watermark to the clock; `rows`: of state. `aside`, `late`, `duplicates` and `dead` are of the process that was asked. */
const State = z.object({
  ...{ service: z.string(), name: z.string(), watermark: z.number().optional(), behind: z.number().optional() },
  ...{ records: z.number(), rows: z.number(), aside: z.number(), late: z.number(), duplicates: z.number(), dead: z.number() },
  operators: z.string().describe('a line for each, behind those that it reads'),
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
  },
})

/** Streams of all services. */
export const streams: OperatorPart = operatorPart({
  contract: Streams,
  rules: {},
  answer: ({ host }) => ({ list: (which) => list(host, which) }),
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
