/** Logs, as operators ask for them. */
import { contract, query, stream } from 'dure/contract'
import { operatorPart, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Collected } from '../collected.ts'
import type { Tailed } from '../intake.ts'
import { matcherOf } from '../store/store.ts'

const time = z.number().describe('milliseconds since the epoch')
const Level = z.enum(['debug', 'info', 'warn', 'error'])
const attributes = z.record(z.string(), z.unknown())
const line = {
  ...{ time, severity: z.number().describe('as OpenTelemetry numbers it'), level: Level, service: z.string(), body: z.string() },
  ...{ traceId: z.string().optional(), spanId: z.string().optional(), attributes, resource: attributes },
}
const Line = z.object({ id: z.string(), ...line })
const filter = {
  words: z.string().optional().describe('all of them; "next to each other"; -without; begin*'),
  level: Level.optional().describe('this one and those above'),
  service: z.string().optional(),
  traceId: z.string().optional(),
}
const range = { from: time.optional(), to: time.optional() }
const Counts = z.object({ debug: z.number(), info: z.number(), warn: z.number(), error: z.number() })

const Logs = contract('logs', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Log lines of all services, and of others that send them to the collector',
  operations: {
    search: query({
      input: z.object({
        ...{ ...filter, ...range },
        before: z.string().optional().describe('`next` of the page before'),
        limit: z.int().min(1).max(1_000).default(100),
      }),
      output: z.object({ lines: z.array(Line), next: z.string().optional() }),
      description: 'The latest first',
    }),
    count: query({
      input: z.object({ ...filter, ...range, slots: z.int().min(1).max(500).default(60) }),
      output: z.object({
        step: z.number().describe('milliseconds of a slot'),
        slots: z.array(z.object({ time, lines: Counts })),
        complete: z.boolean().describe('false: only the latest were counted'),
      }),
      description: 'How many there are over time, by level; default: of the last hour',
    }),
    surrounding: query({
      input: z.object({ id: z.string(), count: z.int().min(1).max(500).default(20), sameService: z.boolean().default(false) }),
      output: z.object({ lines: z.array(Line) }),
      description: 'The lines that came before and after one',
    }),
    services: query({ output: z.object({ services: z.array(z.string()) }), description: 'Services whose lines are there' }),
    tail: stream({
      input: z.object(filter),
      output: z.object({ lines: z.array(z.object(line)), skipped: z.number().describe('lines that came too fast to be shown') }),
      description: 'Lines as they come',
    }),
  },
})

const HOUR = 3_600_000
/** Lines that wait for a slow reader. */
const MOST_WAITING = 1_000

export const logs: OperatorPart<Collected> = operatorPart<typeof Logs, Collected>({
  contract: Logs,
  answer: ({ store, intake }) => ({
    search: async (asked) => {
      const { lines, next } = await store.searchLogs(asked)
      return { lines: [...lines], ...(next !== undefined && { next }) }
    },
    count: async ({ from = intake.now() - HOUR, to = intake.now() + 1, ...asked }) => {
      const { slots, ...rest } = await store.countLogs({ ...asked, from, to: Math.max(from + 1, to) })
      return { ...rest, slots: [...slots] }
    },
    surrounding: async (asked) => ({ lines: [...(await store.surroundingLogs(asked))] }),
    services: async () => ({ services: [...(await store.logServices())] }),
    tail: (asked, { signal }) => tailed(intake, matcherOf(asked), signal),
  }),
})

async function* tailed(
  { follow }: Collected['intake'],
  matches: (line: Tailed) => boolean,
  signal: AbortSignal,
): AsyncGenerator<{ lines: Tailed[]; skipped: number }> {
  let [waiting, skipped]: [Tailed[], number] = [[], 0]
  let wake = (): void => {}
  const off = follow((lines) => {
    for (const one of lines) {
      if (!matches(one)) continue
      if (waiting.length >= MOST_WAITING) skipped++
      else waiting.push(one)
    }
    wake()
  })
  const ended = (): void => wake()
  signal.addEventListener('abort', ended)
  try {
    while (!signal.aborted) {
      if (waiting.length > 0) {
        const now = { lines: waiting, skipped }
        waiting = []
        skipped = 0
        yield now
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    off()
    signal.removeEventListener('abort', ended)
  }
}
