/** Builds of the system, and what changed from one to another. */
import { CallError, contract, query } from 'dure/contract'
import { operatorPart, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Collected } from '../collected.ts'
import { Group } from './exceptions.ts'

const time = z.number().describe('milliseconds since the epoch')
const Count = z.object({
  ...{ spans: z.number(), failed: z.number() },
  ...{ p50: z.number().optional().describe('milliseconds'), p99: z.number().optional() },
})

const Builds = contract('builds', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Builds of the system that have told of spans, and what changed from one to another',
  operations: {
    list: query({
      output: z.object({
        builds: z.array(
          z.object({ version: z.string(), services: z.array(z.string()), first: time, last: time, spans: z.number() }),
        ),
      }),
      description: 'The latest first; a build is named by `service.version`',
    }),
    compare: query({
      input: z.object({ before: z.string().describe('a version'), after: z.string().describe('another') }),
      output: z.object({
        ...{ before: z.string(), after: z.string() },
        operations: z.array(z.object({ service: z.string(), name: z.string(), before: Count, after: Count })),
        errors: z.array(Group).describe('exceptions that the earlier one never had'),
        gone: z.array(Group).describe('exceptions that were last seen in the earlier one'),
        edges: z.array(
          z.object({
            ...{ from: z.string(), to: z.string(), by: z.enum(['call', 'message']) },
            ...{ before: z.number(), after: z.number() },
          }),
        ),
      }),
      description: 'How long each operation took in both, and errors and edges that only one of them has',
    }),
  },
})

/** Groups of exceptions that are looked at. */
const MOST_GROUPS = 1_000

export const builds: OperatorPart<Collected> = operatorPart<typeof Builds, Collected>({
  contract: Builds,
  answer: ({ store }) => {
    const list = async () => (await store.readBuilds()).map((one) => ({ ...one, services: [...one.services] }))
    return {
      list: async () => ({ builds: await list() }),
      compare: async ({ before, after }) => {
        const known = new Set((await list()).map(({ version }) => version))
        const strange = [before, after].find((version) => !known.has(version))
        if (strange !== undefined)
          throw new CallError('NOT_FOUND', `Cannot find the build "${strange}": there are ${[...known].join(', ') || 'none'}`)
        const { operations, edges } = await store.compareBuilds({ before, after })
        const groups = (await store.exceptionGroups({ limit: MOST_GROUPS })).map((one) => ({
          ...one,
          services: [...one.services],
        }))
        return {
          ...{ before, after, operations: operations.toSorted((a, b) => slower(b) - slower(a)).map((one) => ({ ...one })) },
          errors: groups.filter(({ firstVersion }) => firstVersion === after),
          gone: groups.filter(({ lastVersion }) => lastVersion === before),
          edges: edges.map((one) => ({ ...one })),
        }
      },
    }
  },
})

/** How much longer its slow ones take: what only one of them did comes first. */
const slower = ({ before, after }: Record<'before' | 'after', { readonly p99?: number | undefined }>): number =>
  before.p99 === undefined || after.p99 === undefined ? Infinity : Math.abs(after.p99 - before.p99)
