/** The types of what is asked of API management: its contract is made of schemas, and these say what fits them. */
import type { Operation, Schema } from 'dure/contract'
import type {
  Application,
  Caller,
  Delivery,
  Described,
  Feedback,
  GatewayReport,
  KeyInfo,
  Notice,
  Plan,
  Product,
  Range,
  SettledAnswer,
  Subscription,
  Usage,
  Webhook,
} from './values.ts'

type Command<Input, Output> = Operation<'command', Schema<Input>, Schema<Output>, {}>
type Query<Input, Output> = Operation<'query', Schema<Input>, Schema<Output>, {}>
type Told<Input> = Operation<'command', Schema<Input>, undefined, {}>
type Asked<Output> = Operation<'query', undefined, Schema<Output>, {}>

type OfProduct = { readonly product: string }
type OfApplication = { readonly application: string }
type OfSubscription = { readonly subscription: string }

export type Publication = {
  /** What `describeContract` says of it. */
  readonly contract?: unknown
  readonly summary?: string | undefined
  readonly plans?: readonly Plan[] | undefined
}

export type Problem = OfApplication &
  OfProduct & { readonly text: string; readonly trace?: string | undefined; readonly explained?: unknown }

export type ApisOperations = {
  readonly publish: Command<Publication, OfProduct & { readonly line: string; readonly changes: readonly string[] }>
  readonly setPlan: Told<OfProduct & { readonly plan: Plan }>
  readonly deprecate: Told<OfProduct & { readonly line: string; readonly sunset?: number | undefined }>
  readonly pending: Query<OfProduct, readonly (Subscription & { readonly name: string })[]>
  readonly decide: Command<OfSubscription & { readonly approve: boolean }, Subscription>
  readonly callers: Query<OfProduct & { readonly line?: string | undefined }, readonly Caller[]>
  readonly productUsage: Query<OfProduct & Range, readonly Usage[]>
  readonly products: Asked<readonly Product[]>
  readonly described: Query<OfProduct & { readonly line?: string | undefined }, Described>
  readonly addApplication: Command<{ readonly name: string }, Application>
  readonly applications: Asked<readonly Application[]>
  readonly subscribe: Command<OfApplication & OfProduct & { readonly plan: string }, Subscription>
  readonly subscriptions: Query<OfApplication, readonly Subscription[]>
  readonly unsubscribe: Told<OfSubscription>
  readonly issueKey: Command<
    OfSubscription & { readonly expires?: number | undefined },
    { readonly id: string; readonly key: string }
  >
  readonly keys: Query<OfSubscription, readonly KeyInfo[]>
  readonly revokeKey: Told<OfSubscription & { readonly key: string }>
  readonly usage: Query<OfApplication & Range, readonly Usage[]>
  readonly notices: Query<OfApplication, readonly Notice[]>
  readonly rate: Told<OfApplication & OfProduct & { readonly stars: number; readonly text?: string | undefined }>
  readonly reportProblem: Command<Problem, { readonly id: string }>
  readonly feedback: Query<OfApplication, readonly Feedback[]>
  readonly productFeedback: Query<OfProduct, readonly Feedback[]>
  readonly answer: Told<{ readonly feedback: string; readonly text: string }>
  readonly addWebhook: Command<
    OfSubscription & { readonly address: string; readonly events: readonly string[] },
    { readonly id: string; readonly secret: string }
  >
  readonly webhooks: Query<OfSubscription, readonly Webhook[]>
  readonly removeWebhook: Told<OfSubscription & { readonly webhook: string }>
  readonly deliveries: Query<OfSubscription & { readonly webhook: string }, readonly Delivery[]>
  readonly redeliver: Told<OfSubscription & { readonly webhook: string; readonly delivery: string }>
  readonly settle: Command<GatewayReport, SettledAnswer>
}
