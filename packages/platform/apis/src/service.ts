/** API management as a service among others: its contract, answered from its own store. */
import { service, type Service, type StoreAdapter } from 'dure/service'
import { Apis } from './contract.ts'
import * as feedback from './feedback.ts'
import { contractOf, deprecate, listProducts, publish, setPlan } from './products.ts'
import { createZones, settle } from './settle.ts'
import * as subscribers from './subscribers.ts'
import { apisDatabase } from './tables.ts'
import { callersOf, sweepCounts, usageOfApplication, usageOfProduct } from './usage.ts'
import { known } from './whose.ts'
import * as hooks from './webhooks/webhooks.ts'
import type { WebhookOptions } from './webhooks/webhooks.ts'

export type ApisServiceOptions = {
  /** Where it keeps what it knows: `postgres({ url })`. Default: as the system says. */
  readonly store?: StoreAdapter
  /** Events of products that subscribers may have sent to addresses of theirs. Default: none. */
  readonly webhooks?: WebhookOptions
}

/** Reports between two looks for counts that are too old. */
const SWEEP = 1_000

/**
 * The service that manages APIs: products, plans, subscriptions, keys, quotas, and who calls what.
 *
 * @example
 * ```ts
 * import { apisService } from '@dure/apis'
 *
 * const apis = apisService() // system('shop', { services: [orders, apis], doors: [gateway({ … filters: [managed({ product: 'orders' })] })] })
 * console.log(apis.contract.name) // → apis
 * ```
 */
export function apisService({ store, webhooks }: ApisServiceOptions = {}): Service<typeof Apis> {
  const zones = createZones()
  let reports = 0
  const { events: offered = [], internal = false } = webhooks ?? {}
  return service(Apis, {
    database: apisDatabase,
    ...(store !== undefined && { store }),
    ...(webhooks !== undefined && { extensions: [hooks.deliveries(webhooks)] }),
    subscriptions: ({ on }) =>
      offered.map(({ event, ...of }) =>
        on(event, (received, { tx, clock, ids }) => hooks.enqueue(tx, received, { ...of, clock, ids })),
      ),
    handlers: {
      publish: (given, { database, principal, clock }) =>
        database.transaction((tx) => publish(tx, known(principal), given, clock.now())),
      setPlan: ({ product, plan }, { database, principal }) =>
        database.transaction((tx) => setPlan(tx, known(principal), product, plan)),
      deprecate: (given, { database, principal, clock }) =>
        database.transaction((tx) => deprecate(tx, known(principal), given, clock.now())),
      pending: ({ product }, { database, principal }) => subscribers.listPending(database.read, known(principal), product),
      decide: (given, { database, principal }) => database.transaction((tx) => subscribers.decide(tx, known(principal), given)),
      callers: (given, { database, principal, clock }) =>
        callersOf(database.read, known(principal), { ...given, now: clock.now() }),
      productUsage: (given, { database, principal }) => usageOfProduct(database.read, known(principal), given),

      products: (_input, { database }) => listProducts(database.read, offered),
      described: (given, { database }) => contractOf(database.read, given),

      addApplication: ({ name }, { database, principal, clock, ids }) => {
        const made = { id: ids.next(), name, made: clock.now() }
        return database.transaction((tx) => subscribers.addApplication(tx, known(principal), made))
      },
      applications: (_input, { database, principal }) => subscribers.listApplications(database.read, known(principal).subject),
      subscribe: (given, { database, principal, clock, ids }) => {
        const wanted = { ...given, id: ids.next(), made: clock.now() }
        return database.transaction((tx) => subscribers.subscribe(tx, known(principal), wanted))
      },
      subscriptions: ({ application }, { database, principal }) =>
        subscribers.listSubscriptions(database.read, known(principal), application),
      unsubscribe: ({ subscription }, { database, principal, clock }) =>
        database.transaction((tx) => subscribers.unsubscribe(tx, known(principal), subscription, clock.now())),
      issueKey: (given, { database, principal, clock, random }) =>
        database.transaction((tx) => subscribers.issueKey(tx, known(principal), { ...given, now: clock.now(), random })),
      keys: ({ subscription }, { database, principal, clock }) =>
        subscribers.listKeys(database.read, known(principal), subscription, clock.now()),
      revokeKey: (given, { database, principal, clock }) =>
        database.transaction((tx) => subscribers.revokeKey(tx, known(principal), { ...given, now: clock.now() })),
      usage: (given, { database, principal }) => usageOfApplication(database.read, known(principal), given),

      notices: ({ application }, { database, principal, clock }) =>
        feedback.noticesOf(database.read, known(principal), application, clock.now()),
      rate: (given, { database, principal, clock, ids }) =>
        database.transaction((tx) => feedback.rate(tx, known(principal), { ...given, id: ids.next(), now: clock.now() })),
      reportProblem: (given, { database, principal, clock, ids }) =>
        database.transaction((tx) =>
          feedback.reportProblem(tx, known(principal), { ...given, id: ids.next(), now: clock.now() }),
        ),
      feedback: ({ application }, { database, principal }) =>
        feedback.feedbackOfApplication(database.read, known(principal), application),
      productFeedback: ({ product }, { database, principal }) =>
        feedback.feedbackOfProduct(database.read, known(principal), product),
      answer: (given, { database, principal, clock }) =>
        database.transaction((tx) => feedback.answer(tx, known(principal), { ...given, now: clock.now() })),

      addWebhook: (given, { database, principal, clock, ids, random }) => {
        const world = { id: ids.next(), now: clock.now(), random, offered, internal }
        return database.transaction((tx) => hooks.addWebhook(tx, known(principal), given, world))
      },
      webhooks: ({ subscription }, { database, principal }) => hooks.listWebhooks(database.read, known(principal), subscription),
      removeWebhook: (given, { database, principal }) =>
        database.transaction((tx) => hooks.removeWebhook(tx, known(principal), given)),
      deliveries: (given, { database, principal }) => hooks.listDeliveries(database.read, known(principal), given),
      redeliver: (given, { database, principal, clock }) =>
        database.transaction((tx) => hooks.redeliver(tx, known(principal), { ...given, now: clock.now() })),

      settle: (report, { database, clock }) =>
        database.transaction(async (tx) => {
          const now = clock.now()
          if (reports++ % SWEEP === 0) await sweepCounts(tx, now)
          return settle(tx, report, { now, zones })
        }),
    },
  })
}
