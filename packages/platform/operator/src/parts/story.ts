import { contract, query } from 'dure/contract'
import { tellStory, type Story as Told } from 'dure/story'
import { openTraces, type Span } from 'dure/telemetry'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'

const time = z.number().optional()
const Decision = z.object({
  ...{ at: z.number(), action: z.enum(['retry', 'edit', 'discard']), consumer: z.string(), messageId: z.string() },
  ...{ letter: z.string(), by: z.string(), reason: z.string() },
})
const Answer = z.object({
  ...{ service: z.string(), operation: z.string(), outcome: z.enum(['answered', 'refused', 'open']), time: z.number() },
  answer: z.unknown().describe('what it answered, or the declared error: code, message, status, data'),
})
const Reaction = z.object({
  ...{ consumer: z.string(), service: z.string() },
  state: z.enum(['done', 'discarded', 'dead', 'retrying', 'held', 'unread', 'unsent', 'missing', 'unknown']),
  time: time.describe('when it was handled, or failed last'),
  ...{ attempts: z.number().optional(), crashes: z.number().optional() },
  next: z.number().optional().describe('milliseconds until the next try'),
  error: z.string().optional(),
  ...{ letter: z.string().optional(), group: z.string().optional() },
  unread: z.number().optional().describe('messages that its consumer has still to read'),
  ...{ decisions: z.array(Decision), calls: z.array(Answer) },
})
const Place = z.union([
  z.object({ on: z.literal('topic'), topic: z.string(), partition: z.number(), position: z.string() }),
  z.object({ on: z.literal('queue'), queue: z.string() }),
])
const Message = z.object({
  ...{ id: z.string(), type: z.string(), source: z.string(), key: z.string(), time: z.number(), schemaVersion: z.number() },
  ...{ correlationId: z.string(), causationId: z.string().optional() },
  causedBy: z.string().optional().describe('the message of this story that led to it'),
  by: z.string().optional().describe('the reaction that announced it'),
  ...{ traceId: z.string().optional(), initiator: z.string().optional(), sequence: z.number().optional() },
  headers: z.record(z.string(), z.string()).optional(),
  data: z.unknown().describe('JSON; secret and personal fields are hidden'),
  state: z.enum(['sent', 'waiting', 'refused', 'gone']),
  ...{ at: Place.optional(), kind: z.enum(['topic', 'queue']), error: z.string().optional() },
  reactions: z.array(Reaction),
})
const Step = z.object({
  ...{ position: z.number(), kind: z.string(), name: z.string(), state: z.string(), tries: z.number(), began: z.number() },
  ...{ ended: z.number().nullable(), error: z.string().nullable() },
})
const Saga = z.object({
  ...{
    service: z.string(),
    saga: z.string(),
    id: z.string(),
    state: z.string(),
    began: z.number(),
    ended: z.number().nullable(),
  },
  ...{ reason: z.string().nullable(), failure: z.object({ code: z.string(), message: z.string() }).nullable() },
  ...{ correlationId: z.string(), todo: z.string(), steps: z.array(Step) },
})
const Path = z.object({
  ...{ service: z.string(), choreography: z.string(), key: z.string(), ended: z.boolean() },
  path: z.array(z.object({ event: z.string(), id: z.string(), time: z.number() })),
  missing: z.array(z.object({ event: z.string(), since: z.number(), late: z.boolean() })),
})
const SpanShown = z.object({
  ...{ traceId: z.string(), spanId: z.string(), parentId: z.string().optional(), name: z.string(), kind: z.string() },
  ...{ service: z.string(), start: z.number(), duration: z.number(), error: z.string().optional() },
})
const Story = z.object({
  ...{ system: z.string(), about: z.string(), state: z.enum(['failed', 'missing', 'waiting', 'done']) },
  reasons: z.array(z.string()).describe('why it is not done, the worst first'),
  ...{ correlationIds: z.array(z.string()), began: time, ended: time },
  ...{ messages: z.array(Message), sagas: z.array(Saga), choreographies: z.array(Path), spans: z.array(SpanShown) },
  cutOff: z.array(z.string()).describe('where there may be more'),
  unseen: z.array(z.string()).describe('where it could not be looked, and why not'),
})

const Stories = contract('story', {
  version: '1.0.0',
  owner: 'dure',
  description: 'What became of an order, a message or a request: told from the data of all services, by what led to what',
  operations: {
    tell: query({
      input: z.object({
        about: z
          .string()
          .min(1)
          .describe(
            'a key such as the id of an order, the id of a message, a correlation id, a trace id, or what stands in the data',
          ),
        since: time.describe('published then or later, milliseconds since the epoch'),
        until: time.describe('published before'),
        limit: z.int().min(1).max(10_000).optional().describe('messages, at most; default 500'),
        timeout: z
          .int()
          .min(1)
          .max(20_000)
          .optional()
          .describe('milliseconds that one look into the broker may take; default 5000'),
      }),
      output: Story,
      deadline: 60_000,
      description: 'Messages, who reacted and who did not, calls, sagas, choreographies, and spans where they are kept',
    }),
  },
})

/** Stories, with the spans that are kept in the directory of the system. */
export const story: OperatorPart = operatorPart({
  contract: Stories,
  answer: ({ host, world }) => {
    const spans = (traceId: string): readonly Span[] => {
      const traces = openTraces(world.directory)
      try {
        return traces?.trace(traceId) ?? []
      } finally {
        traces?.close()
      }
    }
    return { tell: async (input) => (await tellStory({ ...host, spans }, input)) satisfies Told as z.infer<typeof Story> }
  },
})
