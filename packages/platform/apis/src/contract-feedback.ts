/** The part of the contract that is about what callers say and are told. */
import { command, query } from 'dure/contract'
import { z } from 'zod'
import type { ApisOperations } from './operations.ts'
import { access, Count, Id, Line, Moment, Name, Text } from './schemas.ts'

const Feedback = z.object({
  ...{ id: Id, kind: z.enum(['rating', 'problem']), application: Id, name: Line, product: Name, at: Moment },
  stars: z.int().min(1).max(5).optional(),
  text: z.string().optional(),
  trace: z.string().optional(),
  explained: z.unknown().optional(),
  answer: z.object({ text: z.string(), at: Moment }).optional(),
})
const Notice = z.object({
  ...{ product: Name, line: z.string(), deprecated: Moment, sunset: Moment.optional(), calls: Count, last: Moment },
})
const ofProduct = z.object({ product: Name })
const ofApplication = z.object({ application: Id })

export const feedbackOperations: Pick<
  ApisOperations,
  'notices' | 'rate' | 'reportProblem' | 'feedback' | 'productFeedback' | 'answer'
> = {
  // For owners.
  productFeedback: query({
    access,
    input: ofProduct,
    output: z.array(Feedback),
    http: 'GET /apis/products/{product}/feedback',
    description: 'What callers have said of a product, the last first',
  }),
  answer: command({
    access,
    input: z.object({ feedback: Id, text: Text }),
    http: 'PUT /apis/feedback/{feedback}/answer',
    description: 'Answers what a caller has said; the last answer is shown',
  }),
  // For subscribers.
  notices: query({
    access,
    input: ofApplication,
    output: z.array(Notice),
    http: 'GET /apis/applications/{application}/notices',
    description: 'Deprecated lines that an application has called in the last 30 days, those that end first first',
  }),
  rate: command({
    access,
    input: ofApplication.extend({ product: Name, stars: z.int().min(1).max(5), text: Text.optional() }),
    http: 'PUT /apis/applications/{application}/ratings/{product}',
    description: 'Says how good a product is; the last time counts. Who has not called it in the last 30 days cannot',
  }),
  reportProblem: command({
    access,
    input: ofApplication.extend({
      product: Name,
      text: Text,
      trace: z
        .string()
        .regex(/^[0-9a-f]{32}$/)
        .optional(),
      explained: z.unknown().optional(),
    }),
    output: z.object({ id: Id }),
    http: 'POST /apis/applications/{application}/problems',
    description:
      'Tells the owner of a product of a problem. What is named like a secret in the record of the request is not kept',
  }),
  feedback: query({
    access,
    input: ofApplication,
    output: z.array(Feedback),
    http: 'GET /apis/applications/{application}/feedback',
    description: 'What was said for an application, and what owners have answered',
  }),
}
