import { rest } from '@dure/rest'
import type { Simulation } from '@dure/simulation'
import { realRuntime, type Timers } from 'dure/runtime'
import { otlp, type TelemetryOptions } from 'dure/telemetry'
import { system, type Adapter, type Door, type Service, type System, type SystemOptions } from 'dure/service'
import type { Broker } from 'dure/messaging'
import { audit } from './services/audit/service.ts'
import { cartServiceOf } from './services/cart/service.ts'
import { customer } from './services/customer/service.ts'
import { orderOf, type CheckoutForm } from './services/order/service.ts'
import { insightOf } from './services/insight/service.ts'
import { TIMES, type InsightTimes } from './services/insight/times.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import type { PaymentProvider } from './services/payment/domain/provider.ts'
import { POLICIES } from './policies.ts'
import { payment } from './services/payment/service.ts'
import { product } from './services/product/service.ts'
import { sellerService } from './services/seller/service.ts'
import { shipment } from './services/shipment/service.ts'
import { stock } from './services/stock/service.ts'
import { witnessed } from './witness/witness.ts'

export type MarketplaceOptions = {
  /** How a checkout gets from service to service. Default `events`: each reacts to what another has done. */
  readonly checkout?: CheckoutForm
  readonly provider: PaymentProvider
  /** Default: the event loop's. */
  readonly timers?: Timers
  /** Milliseconds after which whoever follows the marks sees a new one, at most. Default 10. */
  readonly markPause?: number
  /** The seller's dashboard is made as a read model as well. Default false. */
  readonly readModel?: boolean
  /** A service that says what the events of all others mean over time; with other times where they are said. Default: there is none. */
  readonly insight?: boolean | Partial<InsightTimes>
  /** Services made for the shop's own clients: `frontends`. Default: none. */
  readonly frontends?: readonly Service[]
  /** A witness stands in every store. Default false. */
  readonly witness?: boolean
  /** Default: none. */
  readonly doors?: readonly Door[]
  readonly database?: SystemOptions['database']
  /** Single services' own, by name. Default: `database`, for all. */
  readonly stores?: SystemOptions['stores']
  readonly broker?: Adapter<Broker>
  /** How calls are guarded, beside what contracts say. Default: `POLICIES`. */
  readonly policies?: SystemOptions['policies']
}

/** The marketplace: its services, and the log of what they finished. */
export function marketplace(options: MarketplaceOptions): System {
  const {
    provider,
    timers = realRuntime().timers,
    markPause,
    readModel = false,
    checkout = 'events',
    insight = false,
    witness = false,
    frontends = [],
    policies = POLICIES,
    ...rest
  } = options
  const asked = (one: Service): Service => (checkout === 'saga' ? withoutReactions(one) : one)
  const whole = system('marketplace', {
    services: [
      ...[
        cartServiceOf({ tellsFilled: insight !== false }),
        orderOf(checkout),
        asked(stock),
        asked(payment(provider)),
        asked(shipment),
      ],
      ...[sellerService({ withModel: readModel }), customer, product, audit(timers, markPause, checkout === 'choreography')],
      ...(insight === false ? [] : [insightOf({ ...TIMES, ...(insight === true ? {} : insight) })]),
      ...frontends,
    ],
    placement: 'together',
    telemetry: telemetryOf(process.env),
    policies,
    ...rest,
  })
  return witness ? witnessed(whole) : whole
}

/** What these services are asked to do by a saga, they do not do by themselves. */
const BY_SAGA: Readonly<Record<string, readonly string[]>> = {
  stock: ['stock.reserve', 'payment.confirmed', 'payment.failed'],
  payment: ['invoice.issued'],
  shipment: ['payment.confirmed'],
}

function withoutReactions(one: Service): Service {
  const asked = BY_SAGA[one.contract.name] ?? []
  return { ...one, reactions: one.reactions.filter(({ name }) => !asked.includes(name)) }
}

/** OpenTelemetry's own variables say where spans and metrics go, and what share of traces is sampled. */
function telemetryOf(env: Readonly<Partial<Record<string, string>>>): TelemetryOptions {
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT']
  const share = env['OTEL_TRACES_SAMPLER_ARG']
  return {
    ...(endpoint ? { exporters: [otlp({ endpoint })] } : {}),
    ...(share ? { sampling: Number(share) } : {}),
  }
}

/**
 * As the command line and its image run it, with a payment provider that listens at PAYMENT_PROVIDER_URL; on the PostgreSQL and the broker that the
 * environment says, else on the embedded ones.
 */
const url = process.env['PAYMENT_PROVIDER_URL'] ?? 'http://127.0.0.1:8090'
const { MARKETPLACE_DATABASE: database, MARKETPLACE_BROKER: broker } = process.env
// Only who is told of a server needs what speaks to it.
const stores =
  database === undefined
    ? {}
    : (await import('./databases.ts')).storesOf({ database, postgres: '', durability: 'power', outbox: 'polling' }, undefined)
const brokers =
  broker === undefined
    ? {}
    : { broker: await (await import('./brokers.ts')).brokerOf({ broker, durability: 'power', replicas: undefined }, undefined) }
// The one thing that the command line loads, but for `dure sim`.
export default marketplace({ provider: httpProvider({ url }), doors: [rest()], ...stores, ...brokers })

/** For `dure sim`; loaded when it is asked for. */
export const simulation = async (): Promise<() => Simulation> => {
  const { marketplaceSimulation } = await import('./simulation/simulation.ts')
  return () => marketplaceSimulation(marketplace)
}
