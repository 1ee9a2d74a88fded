/** Metrics over time, as operators ask for them. */
import { contract, query } from 'dure/contract'
import { operatorPart, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Collected } from '../collected.ts'
import { derived } from './derived.ts'

const time = z.number().describe('milliseconds since the epoch')
const Kind = z.enum(['counter', 'gauge', 'histogram'])
const about = { name: z.string(), kind: Kind, unit: z.string(), help: z.string() }

const Metrics = contract('metrics', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Numbers over time: every 10 seconds for an hour, every minute for a week',
  operations: {
    names: query({
      output: z.object({ metrics: z.array(z.object({ ...about, series: z.number(), services: z.array(z.string()) })) }),
      description: 'All metrics there are',
    }),
    series: query({
      input: z.object({
        ...{ name: z.string(), service: z.string().optional() },
        attributes: z.record(z.string(), z.string()).optional().describe('what a series has to say of itself'),
        as: z
          .enum(['value', 'rate', 'mean', 'p50', 'p95', 'p99'])
          .default('value')
          .describe('value: of counters and histograms, since they began; rate: a second; mean and p…: of histograms'),
        ...{ from: time.optional(), to: time.optional(), limit: z.int().min(1).max(500).default(100) },
      }),
      output: z.object({
        step: z.number().describe('milliseconds between two points'),
        complete: z.boolean().describe('false: there are more series'),
        series: z.array(
          z.object({
            ...{ ...about, service: z.string(), attributes: z.record(z.string(), z.unknown()) },
            points: z.array(z.object({ time, value: z.number() })),
          }),
        ),
      }),
      description: 'All series of a metric; default: of the last hour',
    }),
  },
})

const HOUR = 3_600_000

export const metrics: OperatorPart<Collected> = operatorPart<typeof Metrics, Collected>({
  contract: Metrics,
  answer: ({ store, intake }) => ({
    names: async () => ({ metrics: (await store.metricNames()).map((one) => ({ ...one, services: [...one.services] })) }),
    series: async ({ as, from = intake.now() - HOUR, to = intake.now() + 1, ...asked }) => {
      const { step, series, complete } = await store.metricSeries({ ...asked, from, to })
      return { step, complete, series: series.map((one) => ({ ...one, points: derived(one, as) })) }
    },
  }),
})
