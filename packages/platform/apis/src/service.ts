/** API management as a service among others: its contract, answered from its own store. */
import { service, type Service, type StoreAdapter } from 'dure/service'
import { Apis } from './contract.ts'
import * as feedback from './feedback.ts'
import { deprecate, listProducts, publish, setPlan } from './products.ts'
import { createZones, settle } from './settle.ts'
import * as subscribers from './subscribers.ts'
import { apisDatabase } from './tables.ts'
import { callersOf, sweepCounts, usageOfApplication, usageOfProduct } from './usage.ts'
import { known } from './whose.ts'

export type ApisServiceOptions = {
  /** Where it keeps what it knows: `postgres({ url })`. Default: as the system says. */
  readonly store?: StoreAdapter
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
export function apisService({ store }: ApisServiceOptions = {}): Service<typeof Apis> {
  const zones = createZones()
  let reports = 0
  return service(Apis, {
    database: apisDatabase,
    ...(store !== undefined && { store }),
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

      products: (_input, { database }) => listProducts(database.read),

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

      settle: (report, { database, clock }) =>
        database.transaction(async (tx) => {
          const now = clock.now()
          if (reports++ % SWEEP === 0) await sweepCounts(tx, now)
          return settle(tx, report, { now, zones })
        }),
    },
  })
}
