/** The part of the contract that is about webhooks. */
import { command, query } from 'dure/contract'
import { z } from 'zod'
import type { ApisOperations } from './operations.ts'
import { access, Count, Id, Moment } from './schemas.ts'

const Webhook = z.object({
  ...{ id: Id, subscription: Id, address: z.string(), events: z.array(z.string()), made: Moment },
  ...{ state: z.enum(['active', 'failing']), waiting: Count, dead: Count },
  failed: z.object({ at: Moment, status: z.int().optional(), why: z.string() }).optional(),
})
const Delivery = z.object({
  ...{ id: Id, event: z.string(), key: z.string(), at: Moment, attempts: Count, state: z.enum(['waiting', 'dead']) },
  ...{ status: z.int().optional(), why: z.string().optional() },
})
const ofSubscription = z.object({ subscription: Id })
const ofWebhook = ofSubscription.extend({ webhook: Id })
const AT = '/apis/subscriptions/{subscription}/webhooks' as const

export const webhookOperations: Pick<ApisOperations, 'addWebhook' | 'webhooks' | 'removeWebhook' | 'deliveries' | 'redeliver'> = {
  addWebhook: command({
    access,
    input: ofSubscription.extend({
      address: z.string().min(1).max(500),
      events: z.array(z.string().min(1).max(200)).min(1).max(100),
    }),
    output: z.object({ id: Id, secret: z.string() }),
    http: `POST ${AT}`,
    description: 'Has events of a product sent to an address, signed with a secret, which is told this once',
  }),
  webhooks: query({
    access,
    input: ofSubscription,
    output: z.array(Webhook),
    http: `GET ${AT}`,
    description: 'Where events of a subscription go, how many wait or are dead, and what has failed last',
  }),
  removeWebhook: command({ access, input: ofWebhook, http: `DELETE ${AT}/{webhook}` }),
  deliveries: query({
    access,
    input: ofWebhook,
    output: z.array(Delivery),
    http: `GET ${AT}/{webhook}/deliveries`,
    description: 'What has not arrived yet, or was given up; the oldest first',
  }),
  redeliver: command({
    access,
    input: ofWebhook.extend({ delivery: Id }),
    http: `POST ${AT}/{webhook}/deliveries/{delivery}`,
    description: 'Sends again what was given up',
  }),
}
