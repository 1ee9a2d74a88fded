import { command, contract, query, stream } from 'dure/contract'
import { z } from 'zod'
import { Mark, MarkStatus, MarkType } from '../mark.ts'
import { InstanceId, Moment } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

/** A mark in the log; positions count from 1 without a hole. */
export const LoggedMark = Mark.extend({ position: z.int(), time: Moment })
const After = z.int().min(0).max(2_147_483_647).default(0)

export const Audit = contract('audit', {
  numbers,
  version: '1.0.0',
  owner: 'team-platform',
  description: 'The log of business transactions that have ended',
  operations: {
    marks: stream({
      input: z.object({ after: After }),
      output: LoggedMark,
      deadline: 3_600_000,
      http: 'GET /marks',
      description: 'Every mark after a position, and then each new one as it comes',
    }),
    list: query({
      input: z.object({ after: After, limit: z.int().min(1).max(1_000).default(100) }),
      output: z.object({ items: z.array(LoggedMark), next: z.int().optional() }),
      http: 'GET /marks/list',
    }),
    ofTransaction: query({
      input: z.object({ tid: InstanceId }),
      output: z.array(LoggedMark),
      http: 'GET /marks/of/{tid}',
    }),
    totals: query({
      output: z.object({
        marks: z.int(),
        last: z.int(),
        byOutcome: z.array(z.object({ type: MarkType, status: MarkStatus, count: z.int() })),
      }),
      http: 'GET /marks/totals',
    }),
    reset: command({ idempotent: true, http: 'PATCH /audit/reset', description: 'Deletes the log' }),
    cleanup: command({ idempotent: true, http: 'PATCH /audit/cleanup', description: 'Deletes the log' }),
  },
})
