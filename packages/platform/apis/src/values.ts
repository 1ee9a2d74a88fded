/** What owners, subscribers and gateways say to each other. Moments are milliseconds since the epoch. */

/** What a plan lets an application do. */
export type Plan = {
  readonly name: string
  /** Calls in so many milliseconds, spread over them (GCRA), and how many may come at once. Undefined: there is no such limit. */
  readonly rate?: { readonly calls: number; readonly per: number; readonly burst: number } | undefined
  /** Calls in a day or month as the calendar of a time zone has it: `Asia/Seoul`. */
  readonly quota?: { readonly calls: number; readonly per: 'day' | 'month'; readonly zone: string } | undefined
  /** Bytes of a body. */
  readonly body?: number | undefined
  /** Of the product's; all of them when it is not said. */
  readonly operations?: readonly string[] | undefined
  /** `at once`: whoever subscribes may call. `by hand`: an owner of the product says so. */
  readonly approval: 'at once' | 'by hand'
  /** What becomes of calls beyond what a gateway was granted, while it cannot settle the quota. */
  readonly unsettled: 'open' | 'closed'
}

export type Version = {
  /** Within a line nothing breaks: its major version; before 1.0.0 its minor one (`0.3`). */
  readonly line: string
  readonly version: string
  readonly published: number
  readonly deprecated?: number | undefined
  readonly sunset?: number | undefined
}

/** A version with its contract. */
export type Described = Version & {
  /** What `describeContract` says of it. */
  readonly contract?: unknown
}

export type Product = {
  readonly name: string
  /** The team that answers for it. */
  readonly owner: string
  readonly summary?: string | undefined
  readonly versions: readonly Version[]
  readonly plans: readonly Plan[]
  /** Those that webhooks may have. */
  readonly events: readonly string[]
}

/** A program of somebody's that calls products. */
export type Application = { readonly id: string; readonly name: string; readonly made: number }

export type Subscription = {
  readonly id: string
  readonly application: string
  readonly product: string
  readonly plan: string
  readonly state: 'pending' | 'active' | 'refused' | 'ended'
}

/** A key, without its secret part. */
export type KeyInfo = {
  /** What its text begins with, to know it by. */
  readonly id: string
  readonly made: number
  readonly expires?: number | undefined
  /** Of its last use, to within a second. */
  readonly used?: number | undefined
  readonly state: 'alive' | 'expired' | 'revoked'
}

/** Upper bounds of what took up to so many milliseconds; what took longer is counted behind them. */
export const BOUNDS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000]

/** Calls that ended alike, in one minute. */
export type CallCounts = {
  readonly minute: number
  readonly subscription: string
  readonly line: string
  readonly operation: string
  readonly status: number
  readonly calls: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** By how long they took: up to each of the bounds, and longer. */
  readonly buckets: readonly number[]
}

/** What a gateway says of one subscription. */
export type Used = {
  readonly subscription: string
  /** Of the quota: as it was said before; undefined where nothing of this subscription was settled yet. */
  readonly period?: string | undefined
  /** Let through since the last time. */
  readonly calls: number
  /** Of the calls that it was granted, those that it may still let through meanwhile: they stay its own. */
  readonly keep: number
  /** How many it would like to be granted. */
  readonly wanted: number
}

/** What a gateway says each time. */
export type GatewayReport = {
  /** Of this run of the gateway: no two have the same. */
  readonly gateway: string
  /** One higher each time; the same again when no answer came, which counts once. */
  readonly batch: number
  /** What it knows: the last `through`. 0: nothing. */
  readonly after: number
  readonly used: readonly Used[]
  readonly counts: readonly CallCounts[]
  /** Keys that were used, and when. */
  readonly keys: readonly { readonly id: string; readonly at: number }[]
}

/** How a quota stands, for one gateway. */
export type SettledQuota = {
  readonly subscription: string
  readonly period: string
  /** Milliseconds until the period ends. */
  readonly left: number
  /** By all gateways, as far as it is known. */
  readonly used: number
  /** What this gateway may let through before it has settled again. */
  readonly granted: number
  /** Nothing is left, for any gateway. */
  readonly exhausted: boolean
}

/** What a gateway hears: all that has changed of what it has to know. */
export type SettledAnswer = {
  readonly through: number
  /** All that it knew before counts no more. */
  readonly anew: boolean
  /** More has changed than is told at once. */
  readonly more: boolean
  readonly keys: readonly {
    readonly id: string
    /** SHA-256 of its text, in hexadecimal. */
    readonly digest: string
    readonly subscription: string
    readonly alive: boolean
    readonly expires?: number | undefined
  }[]
  readonly subscriptions: readonly (Omit<Subscription, 'state'> & { readonly name: string; readonly active: boolean })[]
  readonly plans: readonly { readonly product: string; readonly plan: Plan }[]
  readonly versions: readonly (Version & { readonly product: string })[]
  readonly quotas: readonly SettledQuota[]
}

/** From one moment on, and before another. */
export type Range = { readonly from: number; readonly to: number; readonly by: 'minute' | 'day' }

export type Usage = Omit<CallCounts, 'minute' | 'subscription' | 'buckets'> & {
  /** When the minute, or the day (UTC), began. */
  readonly at: number
  readonly application: string
  readonly product: string
  /** Milliseconds that half of the calls, and 99 of 100, took at most: the upper bound of their bucket; undefined: longer than all of them. */
  readonly p50?: number | undefined
  readonly p99?: number | undefined
}

/** `last`: when the day (UTC) of its last call began. */
export type Caller = {
  readonly application: string
  readonly name: string
  readonly line: string
  readonly calls: number
  readonly last: number
}

/** What a caller says of a product: a rating, of which there is one for each application, or a problem. */
export type Feedback = {
  readonly id: string
  readonly kind: 'rating' | 'problem'
  readonly application: string
  /** Of the application. */
  readonly name: string
  readonly product: string
  readonly at: number
  /** Of a rating: 1 to 5. */
  readonly stars?: number | undefined
  readonly text?: string | undefined
  /** Of a problem: the id of the trace in which it came up, and how the request was answered, without what is secret. */
  readonly trace?: string | undefined
  readonly explained?: unknown
  /** Of an owner of the product. */
  readonly answer?: { readonly text: string; readonly at: number } | undefined
}

/** A line that is deprecated, and that an application has called in the last 30 days. `last`: as of `Caller`. */
export type Notice = {
  readonly product: string
  readonly line: string
  readonly deprecated: number
  readonly sunset?: number | undefined
  readonly calls: number
  readonly last: number
}

/** Where events of a product go, for one subscription. */
export type Webhook = {
  readonly id: string
  readonly subscription: string
  readonly address: string
  readonly events: readonly string[]
  readonly made: number
  /** `failing`: the last one that was sent was not taken. */
  readonly state: 'active' | 'failing'
  readonly waiting: number
  readonly dead: number
  readonly failed?: { readonly at: number; readonly status?: number | undefined; readonly why: string } | undefined
}

/** An event that has not arrived: it is sent again, or was given up (`dead`). */
export type Delivery = {
  /** `webhook-id`: the same each time it is sent. */
  readonly id: string
  readonly event: string
  readonly key: string
  /** When it happened. */
  readonly at: number
  readonly attempts: number
  readonly state: 'waiting' | 'dead'
  readonly status?: number | undefined
  readonly why?: string | undefined
}
