/** Exceptions in groups, as operators ask for them. */
import { CallError, contract, query } from 'dure/contract'
import { operatorPart, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Collected } from '../collected.ts'

const time = z.number().describe('milliseconds since the epoch')
type ShownGroup = {
  [Name in 'fingerprint' | 'type' | 'message' | 'groupedBy' | 'firstVersion' | 'lastVersion']: string
} & { first: number; last: number; times: number; services: string[] }

export const Group: z.ZodType<ShownGroup> = z.object({
  ...{ fingerprint: z.string(), type: z.string(), message: z.string().describe('of the last one') },
  groupedBy: z.string().describe('what they have in common, in words'),
  ...{ services: z.array(z.string()), first: time, last: time, times: z.number() },
  firstVersion: z.string().describe('of the service; empty when it does not say'),
  lastVersion: z.string(),
})
const Sample = z.object({
  ...{ time, service: z.string(), version: z.string(), type: z.string(), message: z.string(), stack: z.string() },
  ...{ fingerprint: z.string(), groupedBy: z.string(), traceId: z.string().optional(), spanId: z.string().optional() },
  attributes: z.record(z.string(), z.unknown()),
})

const Exceptions = contract('exceptions', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Exceptions of all services and of others that send theirs, those of one cause together',
  operations: {
    groups: query({
      input: z.object({
        ...{
          service: z.string().optional(),
          since: time.optional(),
          words: z.string().optional().describe('a part of type or message'),
        },
        limit: z.int().min(1).max(1_000).default(100),
      }),
      output: z.object({ groups: z.array(Group) }),
      description: 'The one that was seen last first',
    }),
    show: query({
      input: z.object({ fingerprint: z.string() }),
      output: z.object({ group: Group, samples: z.array(Sample).describe('the latest first') }),
      description: 'One group, with some of it',
    }),
  },
})

export const exceptions: OperatorPart<Collected> = operatorPart<typeof Exceptions, Collected>({
  contract: Exceptions,
  answer: ({ store }) => ({
    groups: async (asked) => ({
      groups: (await store.exceptionGroups(asked)).map((one) => ({ ...one, services: [...one.services] })),
    }),
    show: async ({ fingerprint }) => {
      const [group] = await store.exceptionGroups({ fingerprint, limit: 1 })
      if (group === undefined)
        throw new CallError('NOT_FOUND', `Cannot find the group "${fingerprint}": it was not seen, or long ago`)
      return { group: { ...group, services: [...group.services] }, samples: [...(await store.exceptionSamples(fingerprint))] }
    },
  }),
})
