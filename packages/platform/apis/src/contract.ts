/** API management as a contract: what owners of products, their subscribers and gateways ask. */
import { command, contract, query, type Contract } from 'dure/contract'
import { z } from 'zod'
import { feedbackOperations } from './contract-feedback.ts'
import { webhookOperations } from './contract-webhooks.ts'
import type { ApisOperations } from './operations.ts'
import { access, Count, Id, Line, Moment, Name } from './schemas.ts'
import { BOUNDS } from './values.ts'

/** A time zone is looked at when the plan is set: the machine knows which there are. */
const Quota = z.object({ calls: z.int().min(1).max(1_000_000_000_000), per: z.enum(['day', 'month']), zone: z.string().max(64) })

/** What a plan lets an application do. */
const Terms = z.object({
  rate: z
    .object({ calls: z.int().min(1).max(1_000_000), per: z.int().min(1).max(86_400_000), burst: z.int().min(1).max(1_000_000) })
    .optional(),
  quota: Quota.optional(),
  body: z.int().min(0).max(1_073_741_824).optional(),
  operations: z.array(z.string().min(1).max(200)).max(1_000).optional(),
  approval: z.enum(['at once', 'by hand']),
  unsettled: z.enum(['open', 'closed']),
})
const Plan = Terms.extend({ name: Name })

const VersionAnswer = z.object({
  line: z.string(),
  version: z.string(),
  published: Moment,
  deprecated: Moment.optional(),
  sunset: Moment.optional(),
})

const Product = z.object({
  name: Name,
  owner: z.string(),
  summary: z.string().optional(),
  versions: z.array(VersionAnswer),
  plans: z.array(Plan),
  events: z.array(z.string()),
})

const Application = z.object({ id: Id, name: Line, made: Moment })
const State = z.enum(['pending', 'active', 'refused', 'ended'])
const Subscription = z.object({ id: Id, application: Id, product: Name, plan: Name, state: State })
const KeyInfo = z.object({
  id: Id,
  made: Moment,
  expires: Moment.optional(),
  used: Moment.optional(),
  state: z.enum(['alive', 'expired', 'revoked']),
})

const Buckets = z.array(Count).length(BOUNDS.length + 1)

/** Calls that ended alike, in one minute. */
const CallCount = z.object({
  minute: Moment,
  subscription: Id,
  line: z.string().max(20),
  operation: z.string().max(200),
  status: z.int().min(100).max(599),
  calls: Count,
  bytesIn: Count,
  bytesOut: Count,
  buckets: Buckets,
})

const Used = z.object({
  subscription: Id,
  period: z.string().max(20).optional(),
  calls: Count,
  keep: Count,
  wanted: Count,
})

/** What a gateway says each time. */
const Report = z.object({
  gateway: Id,
  batch: z.int().min(1),
  after: Count,
  used: z.array(Used).max(10_000),
  counts: z.array(CallCount).max(10_000),
  keys: z.array(z.object({ id: Id, at: Moment })).max(10_000),
})

const SubscriptionSeen = Subscription.omit({ state: true }).extend({ name: Line, active: z.boolean() })

/** What it hears: all that has changed of what it has to know. */
const Settled = z.object({
  through: Count,
  anew: z.boolean(),
  more: z.boolean(),
  keys: z.array(z.object({ id: Id, digest: z.string(), subscription: Id, alive: z.boolean(), expires: Moment.optional() })),
  subscriptions: z.array(SubscriptionSeen),
  plans: z.array(z.object({ product: Name, plan: Plan })),
  versions: z.array(VersionAnswer.extend({ product: Name })),
  quotas: z.array(
    z.object({
      subscription: Id,
      period: z.string(),
      left: Count,
      used: Count,
      granted: Count,
      exhausted: z.boolean(),
    }),
  ),
})

const Usage = z.object({
  at: Moment,
  application: Id,
  product: Name,
  line: z.string(),
  operation: z.string(),
  status: z.int(),
  calls: Count,
  bytesIn: Count,
  bytesOut: Count,
  p50: z.number().optional(),
  p99: z.number().optional(),
})
const Range = z.object({ from: Moment, to: Moment, by: z.enum(['minute', 'day']) })
const Caller = z.object({ application: Id, name: Line, line: z.string(), calls: Count, last: Moment })

const ofProduct = z.object({ product: Name })
const ofApplication = z.object({ application: Id })
const ofSubscription = z.object({ subscription: Id })

/**
 * What is asked of API management. Whose is what is decided by the principal of a call: an application belongs to the subject that has
 * made it; a product to whoever has the role of its owner (`team-checkout`). What is somebody else's is answered like what does not exist.
 *
 * @example
 * ```ts
 * import { Apis } from '@dure/apis'
 *
 * console.log(Apis.name, Apis.operations.publish.kind) // → apis command
 * ```
 */
export const Apis: Contract<'apis', ApisOperations> = contract('apis', {
  version: '0.1.0',
  owner: 'dure',
  description: 'Who may call which APIs, how often, and who has',
  operations: {
    // For owners.
    publish: command({
      access,
      input: z.object({ contract: z.unknown(), summary: Line.optional(), plans: z.array(Plan).max(50).optional() }),
      output: z.object({ product: Name, line: z.string(), changes: z.array(z.string()) }),
      http: 'POST /apis/products',
      description: 'Publishes a contract (what describeContract says of it) as a product, or as a newer version of one',
    }),
    setPlan: command({
      access,
      input: ofProduct.extend({ plan: Plan }),
      http: 'PUT /apis/products/{product}/plan',
      description: 'Adds a plan to a product, or changes it for all its subscribers',
    }),
    deprecate: command({
      access,
      input: ofProduct.extend({ line: z.string(), sunset: z.int().min(0).optional() }),
      http: 'POST /apis/products/{product}/deprecated',
      description: 'Has all who call versions of this line told that they are to leave it, and by when',
    }),
    pending: query({
      access,
      input: ofProduct,
      output: z.array(Subscription.extend({ name: Line })),
      http: 'GET /apis/products/{product}/pending',
      description: 'Subscriptions that wait for an owner',
    }),
    decide: command({
      access,
      input: ofSubscription.extend({ approve: z.boolean() }),
      output: Subscription,
      http: 'POST /apis/subscriptions/{subscription}/decision',
      description: 'Lets a subscriber call, or refuses it; once',
    }),
    callers: query({
      access,
      input: ofProduct.extend({ line: z.string().optional() }),
      output: z.array(Caller),
      http: 'GET /apis/products/{product}/callers',
      description: 'Who has called which line of a product in the last 30 days',
    }),
    productUsage: query({
      access,
      input: ofProduct.extend(Range.shape),
      output: z.array(Usage),
      description: 'Calls of a product, of all its subscribers',
    }),
    // For everybody.
    products: query({ output: z.array(Product), http: 'GET /apis/products', description: 'What can be subscribed to' }),
    described: query({
      input: ofProduct.extend({ line: z.string().optional() }),
      output: VersionAnswer.extend({ contract: z.unknown() }),
      http: 'GET /apis/products/{product}/contract',
      description: 'The contract of a line of a product, as it was published; of its newest line when none is said',
    }),
    // For subscribers.
    addApplication: command({ access, input: z.object({ name: Line }), output: Application, http: 'POST /apis/applications' }),
    applications: query({ access, output: z.array(Application), http: 'GET /apis/applications' }),
    subscribe: command({
      access,
      input: z.object({ application: Id, product: Name, plan: Name }),
      output: Subscription,
      http: 'POST /apis/applications/{application}/subscriptions',
    }),
    subscriptions: query({
      access,
      input: ofApplication,
      output: z.array(Subscription),
      http: 'GET /apis/applications/{application}/subscriptions',
    }),
    unsubscribe: command({
      access,
      input: ofSubscription,
      http: 'DELETE /apis/subscriptions/{subscription}',
      description: 'Ends a subscription and its keys',
    }),
    issueKey: command({
      access,
      input: ofSubscription.extend({ expires: z.int().min(0).optional() }),
      output: z.object({ id: Id, key: z.string() }),
      http: 'POST /apis/subscriptions/{subscription}/keys',
      description: 'Makes a key, which is told this once; two may be alive at a time',
    }),
    keys: query({
      access,
      input: ofSubscription,
      output: z.array(KeyInfo),
      http: 'GET /apis/subscriptions/{subscription}/keys',
    }),
    revokeKey: command({
      access,
      input: ofSubscription.extend({ key: Id }),
      http: 'DELETE /apis/subscriptions/{subscription}/keys/{key}',
    }),
    usage: query({
      access,
      input: ofApplication.extend(Range.shape),
      output: z.array(Usage),
      description: 'Calls of an application',
    }),
    ...feedbackOperations,
    ...webhookOperations,
    // For gateways.
    settle: command({
      scope: 'apis:gateway',
      deadline: 2_000,
      idempotent: true,
      input: Report,
      output: Settled,
      description: 'Takes what a gateway has counted, and tells it what has changed',
    }),
  },
})
