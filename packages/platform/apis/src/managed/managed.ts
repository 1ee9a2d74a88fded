/** The filter of routes that are managed: who subscribes may call, as much as its plan says. */
import { filter, type Answer, type Filter, type FilterParts, type FilterWorld, type GatewayRequest } from '@dure/gateway'
import { problem } from '@dure/gateway/internal'
import type { Client } from 'dure/call'
import { servicePrincipal } from 'dure/contract/internal'
import type { Family } from 'dure/telemetry'
import { Apis } from '../contract.ts'
import { createCounting, type Counting } from './counting.ts'
import { createKnown, type Known } from './known.ts'
import { createLink, type Link } from './link.ts'
import type { Subscriber } from './subscriber.ts'

export type ManagedOptions = {
  readonly product: string
  /** Versions that the route serves: `1`, or `0.3`. Default `1`. */
  readonly line?: string
  /** Default: what the route is called behind `<product>.`, as routes of contracts are. */
  readonly operation?: (request: GatewayRequest) => string
  /** Default `x-api-key`. It is not passed on. */
  readonly header?: string
  /** Where subscribers read what to do instead of calling a line that is deprecated. */
  readonly deprecation?: string
  /** The service that manages APIs. Default: that of the system whose door the gateway is. */
  readonly apis?: Pick<Client<typeof Apis>, 'settle'>
}

/** What all managed routes of a gateway share. */
type Hub = { readonly known: Known; readonly counting: Counting; readonly link: Link; users: number }
const hubs = new WeakMap<FilterWorld, Map<ManagedOptions['apis'], Hub>>()

const LOST: Family = {
  name: 'dure.apis.lost',
  unit: '{request}',
  kind: 'counter',
  help: 'Requests that are in no usage, since too much had to wait for the service that manages APIs',
}
/** Times that a request waits for what it may use to be settled. */
const TRIES = 3

/**
 * Lets those pass who have a key of a subscription to this product, as often as their plan says, and counts what they call. It works on what it
 * knows: no request waits for a store, but for one that comes when what its gateway was granted of a quota is used up.
 * @throws {TypeError} when it opens, and the gateway is no door of a system and `apis` is not given
 *
 * @example
 * ```ts
 * import { managed } from '@dure/apis'
 *
 * const orders = managed({ product: 'orders', line: '1' }) // contractRoutes([Orders], { filters: [orders] })
 * console.log(orders.name) // → managed
 * ```
 */
export function managed(options: ManagedOptions): Filter {
  return filter('managed', (world) => partsOf(options, hubOf(world, options.apis), world))
}

function hubOf(world: FilterWorld, apis: ManagedOptions['apis']): Hub {
  const ofWorld = hubs.get(world) ?? new Map<ManagedOptions['apis'], Hub>()
  hubs.set(world, ofWorld)
  let hub = ofWorld.get(apis)
  if (hub === undefined) {
    const { settle } = apis ?? ownApis(world)
    const { runtime, log } = world
    const known = createKnown(runtime.clock)
    const counting = createCounting()
    const gather = () => ({ ...known.report(), counts: counting.report() })
    hub = {
      known,
      counting,
      link: createLink({
        ...{ settle: (report) => settle(report), runtime, log },
        ...{ gather, waiting: counting.waiting, learn: known.learn },
      }),
      users: 0,
    }
    ofWorld.set(apis, hub)
    world.observe(() => [{ family: LOST, attributes: {}, value: counting.lost() }])
  }
  hub.users++
  return hub
}

function ownApis({ client }: FilterWorld): Pick<Client<typeof Apis>, 'settle'> {
  if (client !== undefined) return client(Apis, { principal: servicePrincipal('gateway') })
  throw new TypeError('there is no service that manages APIs: give "apis", or make the gateway a door of the system that has it')
}

function partsOf(options: ManagedOptions, hub: Hub, { runtime: { clock } }: FilterWorld): FilterParts {
  const { product, line = '1', header = 'x-api-key', deprecation } = options
  const { known, counting, link } = hub
  const operationOf = options.operation ?? ownOperation(product)
  const subscribers = new WeakMap<object, Subscriber>()

  const identify = (request: GatewayRequest): Subscriber | Answer => {
    const key = request.header(header)
    if (key === undefined) return unknown(header, 'Say who you are')
    request.removeHeader(header)
    const found = known.find(key)
    if (found === 'none') return unknown(header, 'There is no such key, or not any more')
    if (found === 'inactive') return problem(403, 'PERMISSION_DENIED', 'The subscription of this key has ended, or has no plan')
    if (found.product !== product) return problem(403, 'PERMISSION_DENIED', `This key is not one for "${product}"`)
    request.setConsumer(found.consumer)
    subscribers.set(found.consumer, found)
    return found
  }
  const admit = (request: GatewayRequest): Answer | undefined | Promise<Answer | undefined> => {
    const found = identify(request)
    if ('status' in found) return found
    const { plan } = found
    const operation = operationOf(request)
    if (plan.operations !== undefined && !plan.operations.includes(operation))
      return problem(403, 'PERMISSION_DENIED', `The plan "${plan.name}" does not have "${operation}"`)
    if (plan.body !== undefined) request.limitBody(plan.body)
    const taken = found.hasten()
    if (!taken.ok) return tooMany('rate', Math.max(1, Math.ceil(taken.after / 1_000)))
    const admission = found.take()
    if (admission === 'pass') return undefined
    return admission === 'exhausted' ? tooMany('quota', found.anewIn()) : settled(found, link)
  }
  return {
    before: (request) => {
      if (link.informed()) return admit(request)
      return link.next().then(() => (link.informed() ? admit(request) : unsettledNow()))
    },
    after: (answer, { consumer }) => {
      const subscriber = consumer && subscribers.get(consumer)
      if (subscriber === undefined) return
      const limit = subscriber.limit()
      if (subscriber.policy !== undefined) answer.setHeader('ratelimit-policy', subscriber.policy)
      if (limit !== undefined && answer.header('ratelimit') === undefined) answer.setHeader('ratelimit', limit)
      const version = known.version(product, line)
      if (version?.deprecated === undefined) return
      answer.setHeader('deprecation', `@${Math.floor(version.deprecated / 1_000)}`)
      if (version.sunset !== undefined) answer.setHeader('sunset', new Date(version.sunset).toUTCString())
      if (deprecation !== undefined) answer.setHeader('link', `<${deprecation}>; rel="deprecation"; type="text/html"`)
    },
    ended: (request, end) => {
      const subscriber = request.consumer && subscribers.get(request.consumer)
      if (subscriber === undefined) return
      counting.count({ subscription: subscriber.id, line, operation: operationOf(request) }, end, clock.now() - end.duration)
    },
    stop: () => (--hub.users === 0 ? link.stop() : undefined),
  }
}

/** Routes of contracts are called `orders.place`, and `orders.place:2` at another path. */
const ownOperation =
  (product: string) =>
  ({ route }: GatewayRequest): string => {
    const end = route.indexOf(':')
    return route.slice(route.startsWith(`${product}.`) ? product.length + 1 : 0, end === -1 ? route.length : end)
  }

const unknown = (header: string, why: string): Answer =>
  problem(401, 'UNAUTHENTICATED', why, { 'www-authenticate': `ApiKey header="${header}"` })

const tooMany = (what: 'rate' | 'quota', seconds: number): Answer =>
  problem(429, 'RESOURCE_EXHAUSTED', `The ${what} of your plan is used up; try again in ${seconds} s`, {
    'retry-after': String(seconds),
    ratelimit: `"${what}";r=0;t=${seconds}`,
  })

const unsettledNow = (): Answer =>
  problem(503, 'UNAVAILABLE', 'What you may use cannot be found out now; try again soon', { 'retry-after': '1' })

/** What the gateway was granted is used up: there may be more. */
async function settled(subscriber: Subscriber, link: Link): Promise<Answer | undefined> {
  for (let i = 0; i < TRIES && (await link.next()); i++) {
    const admission = subscriber.take()
    if (admission === 'pass') return undefined
    if (admission === 'exhausted') return tooMany('quota', subscriber.anewIn())
  }
  // Others have been granted what is left: it is theirs, or comes back in a moment.
  if (!link.down()) return tooMany('quota', 1)
  if (subscriber.plan.unsettled === 'closed') return unsettledNow()
  subscriber.passUnsettled()
  return undefined
}
