import type { SystemStatus } from 'dure/service'
import type { CheckWorld, Simulation } from '@dure/simulation'
import { sometimes } from '@dure/simulation'
import type { Checkout } from '../services/cart/domain/cart.ts'
import { Insight } from '../services/insight/contract.ts'
import { toMoney } from '../services/money.ts'
import { gatherFacts } from '../workload/gather.ts'
import { checkInvariants, describeInvariant, type Invariant } from '../workload/invariants.ts'
import { countAnomalies } from '../workload/anomalies.ts'
import { productKey, type Facts } from '../workload/facts.ts'
import { CHECKOUTS, checkData } from './data.ts'
import { clientDoor } from './door.ts'
import { CONTRACTS, type Users } from './load.ts'
import type { SimulatedProvider } from './provider.ts'
import { noteRare } from './rare.ts'
import { hear, type Testimony } from '../witness/witness.ts'

/** What the workload's own checks are called; a run in which nothing of a kind was done leaves some of them out. */
export const WORKLOAD: readonly string[] = [
  'available + sold = initial',
  'stock sold = pieces in paid orders',
  'nothing stays reserved',
  'stock versions = product versions',
  "carts' replicas = products",
  'order numbers without holes',
  'invoice = items - vouchers + freight',
  'payments = invoice + vouchers',
  'one shipment per paid order',
  'order status = shipment status',
  'success + failed counts = orders with payment',
  "packages delivered = customers' delivery counts",
  'payment before shipment',
  "sellers' entries = orders' lines",
  'dashboard parts agree',
  'dashboard parts agree under load',
  'one order and one mark per checkout',
  'every line acknowledged is in its checkout',
  'every accepted checkout ended in one mark',
  'accepted = orders made + not accepted + aborted',
  'every accepted update ended in one mark',
  'packages delivered = deliveries acknowledged',
  'no dead letters',
]

/** And where streams are made of events. */
export const INSIGHT: readonly string[] = [
  'revenue of streams = paid lines',
  'pieces sold of streams = pieces in paid orders',
  'outcomes of streams = orders',
  'suspects of streams = payments refused within a minute',
]

/** What the stores themselves say. */
export const DATA: readonly string[] = [
  'every event had each of its effects once',
  'consumers saw the events of a key in the order of their commits',
  'every row has its events, and every event its row',
  'carts are what their events come to',
  'what the provider took is what was paid',
  'outboxes are empty, nothing is parked or in hand',
  'the inbox remembers what had its effect, and nothing more',
]

/** Everything that must hold once a simulated marketplace has come to rest. */
export function invariantsOf(run: {
  readonly users: Users
  readonly provider: () => SimulatedProvider
  readonly insight: boolean
}): Simulation['invariants'] {
  const { users, insight } = run
  const names = [...WORKLOAD, ...(insight ? INSIGHT : []), ...DATA]
  let found: readonly Invariant[] = []

  const gather = async (world: CheckWorld): Promise<void> => {
    const door = clientDoor({
      contracts: insight ? [...CONTRACTS, Insight] : CONTRACTS,
      client: world.client,
      status: world.status,
    })
    const facts: Facts = await gatherFacts(door.get)
    const testimony: Testimony = hear(
      CONTRACTS.map(({ name }) => name),
      world.rows,
    )
    const { supplied, delivered } = users.population()
    found = [
      ...checkInvariants(facts, users.ledger.observed({ supplied, delivered })),
      ...checkData({ rows: world.rows, status: await statusAtRest(world), testimony, charges: run.provider().charges, facts }),
    ]
    noteRare({ testimony, complaints: users.ledger.complaints(), rows: world.rows })
    if (anomalies(world.rows, users.ledger) > 0) sometimes('a cart showed an update and lacked an earlier one')
    const unknown = found.find(({ name }) => !names.includes(name))
    if (unknown !== undefined) throw new Error(`"${unknown.name}" is checked and not named among what must hold`)
  }

  const checked = (name: string) => (): void => {
    const invariant = found.find((each) => each.name === name)
    if (invariant?.ok === false) throw new Error(describeInvariant(invariant))
  }
  return {
    'every service answers': gather,
    ...Object.fromEntries(names.map((name) => [name, checked(name)])),
  }
}

/** A partition that is being taken over is in hand for a moment, though nothing is in it: of whoever was killed the broker hears late. */
async function statusAtRest({ status, sleep }: CheckWorld): Promise<SystemStatus> {
  for (let tries = 0; tries < 20; tries++) {
    const now = await status()
    if (now.services.every(({ inHand }) => inHand === 0)) return now
    await sleep(500)
  }
  return status()
}

/** Carts were filled with what their customers saw, which may be behind: so this may be seen, and is no mistake. */
function anomalies(rows: CheckWorld['rows'], { suspects, updates }: Users['ledger']): number {
  const tids = new Set(suspects.map(({ tid }) => tid))
  let count = 0
  for (const { data } of rows('cart', `SELECT data FROM ${CHECKOUTS}`)) {
    const { tid, items: lines } = JSON.parse(String(data)) as Checkout
    if (!tids.has(tid)) continue
    count += countAnomalies(
      lines.map(({ sellerId: seller, productId, version, unitPrice }) => ({
        seller,
        product: productKey(seller, productId),
        version,
        price: toMoney(unitPrice),
      })),
      updates,
    )
  }
  return count
}
