/** Traces, as operators ask for them. */
import { CallError, contract, query } from 'dure/contract'
import { operatorPart, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Collected } from '../collected.ts'
import type { SpanRecord } from '../record.ts'
import { comparedTraces } from './compare.ts'

const time = z.number().describe('milliseconds since the epoch')
const attributes = z.record(z.string(), z.unknown())
const Summary = z.object({
  ...{ traceId: z.string(), start: time, duration: z.number(), spans: z.number(), failed: z.number() },
  ...{ service: z.string(), name: z.string(), services: z.array(z.object({ service: z.string(), spans: z.number() })) },
})
const Span = z.object({
  ...{ traceId: z.string(), spanId: z.string(), parentId: z.string().optional(), name: z.string() },
  kind: z.enum(['internal', 'server', 'client', 'producer', 'consumer']),
  ...{ service: z.string(), start: time, duration: z.number().describe('milliseconds'), failed: z.boolean() },
  message: z.string().optional().describe('what went wrong'),
  ...{ attributes, resource: attributes },
  events: z.array(z.object({ time, name: z.string(), attributes })),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })),
})
const traceId = z.string().describe('its id, or how that begins')
const range = { from: time.optional(), to: time.optional() }
const Difference = z.object({
  ...{ service: z.string(), name: z.string() },
  before: z.object({ spans: z.number(), failed: z.number(), duration: z.number().describe('milliseconds, of all together') }),
  after: z.object({ spans: z.number(), failed: z.number(), duration: z.number() }),
})

const Traces = contract('traces', {
  version: '1.0.0',
  owner: 'dure',
  description: 'What requests led to, over all services: spans as they were told to the collector',
  operations: {
    list: query({
      input: z.object({
        ...{ service: z.string().optional(), operation: z.string().optional().describe('name of a span of it') },
        longerThan: z.number().optional().describe('milliseconds that a span of it took, at least'),
        shorterThan: z.number().optional().describe('the same, at most'),
        failed: z.boolean().optional().describe('only those in which a span failed'),
        ...range,
        limit: z.int().min(1).max(500).default(50),
      }),
      output: z.object({ traces: z.array(Summary) }),
      description: 'The latest first',
    }),
    show: query({
      input: z.object({ traceId, brief: z.boolean().default(false).describe('without attributes, events and links') }),
      output: z.object({ traceId: z.string(), spans: z.array(Span) }),
      description: 'All spans of one, by their start',
    }),
    span: query({
      input: z.object({ traceId, spanId: z.string() }),
      output: Span,
      description: 'All of one span',
    }),
    compare: query({
      input: z.object({ before: traceId, after: traceId }),
      output: z.object({ before: z.string(), after: z.string(), operations: z.array(Difference) }),
      description: 'What each operation did in one trace and in another, the largest difference first',
    }),
    services: query({
      output: z.object({ services: z.array(z.object({ service: z.string(), operations: z.array(z.string()) })) }),
      description: 'Services that have told of spans, with the names of those',
    }),
    edges: query({
      input: z.object(range),
      output: z.object({
        edges: z.array(
          z.object({ from: z.string(), to: z.string(), by: z.enum(['call', 'message']), times: z.number(), failed: z.number() }),
        ),
      }),
      description: 'Who led to work of whom, by calls and by messages; default: in the last hour',
    }),
  },
})

const HOUR = 3_600_000

export const traces: OperatorPart<Collected> = operatorPart<typeof Traces, Collected>({
  contract: Traces,
  answer: ({ store, intake }) => {
    const idOf = async (id: string): Promise<string> => {
      const prefix = id.toLowerCase()
      const [found, other] = /^[0-9a-f]{1,32}$/.test(prefix) ? await store.findTraces({ prefix, limit: 2 }) : []
      if (found === undefined)
        throw new CallError(
          'NOT_FOUND',
          `Cannot find the trace "${id}": it was not sampled, has made room for later ones, or is not written yet`,
        )
      if (other !== undefined) throw new CallError('INVALID_ARGUMENT', `Cannot tell which trace "${id}" is: give more of its id`)
      return found
    }
    const whole = async (id: string): Promise<{ readonly traceId: string; readonly spans: readonly SpanRecord[] }> => {
      const traceId = await idOf(id)
      return { traceId, spans: await store.readTrace(traceId) }
    }
    return {
      list: async (asked) => ({
        traces: (await store.listTraces(asked)).map((one) => ({ ...one, services: [...one.services] })),
      }),
      show: async ({ traceId: id, brief }) => {
        const of = await idOf(id)
        const spans = await (brief ? store.readBriefTrace(of) : store.readTrace(of))
        return { traceId: of, spans: spans.map(shownSpan) }
      },
      span: async ({ traceId: id, spanId }) => {
        const span = (await whole(id)).spans.find((one) => one.spanId === spanId)
        if (span === undefined) throw new CallError('NOT_FOUND', `Cannot find the span "${spanId}" in the trace "${id}"`)
        return shownSpan(span)
      },
      compare: async ({ before, after }) => {
        const [a, b] = await Promise.all([whole(before), whole(after)])
        return { before: a.traceId, after: b.traceId, operations: comparedTraces(a.spans, b.spans) }
      },
      services: async () => ({
        services: (await store.traceServices()).map((one) => ({ ...one, operations: [...one.operations] })),
      }),
      edges: async ({ from = intake.now() - HOUR, to = intake.now() + HOUR }) => ({
        edges: [...(await store.readEdges({ from, to }))],
      }),
    }
  },
})

type Shown = z.infer<typeof Span>
const shownSpan = (span: SpanRecord): Shown => span as unknown as Shown
