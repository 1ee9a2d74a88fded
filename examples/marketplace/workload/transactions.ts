import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from 'dure/runtime'
import { Seller } from '../services/seller/contract.ts'
import type { DoorClient, Method, Reply } from './door.ts'
import { dashboardFact } from './gather.ts'
import type { Idle } from './idle.ts'
import type { Ledger } from './ledger.ts'
import type { MarkFollower } from './marks.ts'
import type { TransactionType } from './mix.ts'
import type { Person, Population, TrackedProduct } from './population.ts'
import type { SessionPlan } from './session.ts'

/** Latency counts from when a transaction was due; from when its request is sent where no moment is given. */
export type Transactions = Readonly<Record<TransactionType, (due?: number) => Promise<void>>>

export type TransactionContext = {
  readonly door: DoorClient
  readonly ledger: Ledger
  readonly marks: MarkFollower
  readonly population: Population
  readonly idle: Idle<Person>
  readonly random: Random
  readonly now: () => number
  readonly plan: () => SessionPlan
  readonly draw: () => { readonly seller: number; readonly product: number }
  /** A name for a transaction that nobody else uses, this run or another. */
  readonly name: () => string
  /** True once the run is over: nothing is counted or begun any more. */
  readonly over: () => boolean
  /** Waits while the marketplace is known to be down. */
  readonly available: () => Promise<void>
  /** Whether to ask again after a request that got no answer. */
  readonly insist: () => boolean
  /** Default: by the event loop. */
  readonly sleep?: (ms: number) => Promise<void>
}

/** A checkout that is not accepted is tried this many times more. */
const RETRIES = 3
/** Every so many dashboards are looked into, not only timed: reading them costs the driver's share of the processor. */
const DASHBOARD_SAMPLE = 20

/** The five business transactions of the benchmark, each a function that carries one out from beginning to end. */
export function transactions(context: TransactionContext): Transactions {
  const { ledger, random } = context
  const outcomes = outcomesOf(context)
  const { synchronous } = outcomes
  const update = updateOf(context, outcomes)
  let dashboards = 0

  return {
    checkout: checkoutOf(context, outcomes),
    dashboard: async (due) => {
      const { seller } = context.draw()
      const text = textOf(await synchronous('dashboard', 'GET', `/seller/dashboard/${seller}`, due))
      if (text === undefined || dashboards++ % DASHBOARD_SAMPLE !== 0) return
      const parsed = Seller.operations.dashboard.output.safeParse(JSON.parse(text))
      if (parsed.success) ledger.seeDashboard(dashboardFact(parsed.data))
      else ledger.complain('dashboard: does not keep its contract')
    },
    delivery: async (due) => {
      const reply = await synchronous('delivery', 'PATCH', `/shipment/${context.name()}`, due)
      const text = textOf(reply)
      if (text !== undefined) ledger.delivery((JSON.parse(text) as { packages: number }).packages)
      // A 5xx is no answer either: what was asked for may have been done before it failed.
      else if (reply.kind === 'unknown' || (reply.kind === 'answer' && reply.status >= 500)) ledger.delivery('unknown')
    },
    price: (due) =>
      update('price', due, (product, tid) => {
        const raised = Math.max(product.price * (1.01 + random.integer(9) / 100), product.price + 0.01)
        const price = Math.round(raised * 100) / 100
        const { seller: sellerId, product: productId, version } = product
        return { method: 'PATCH', body: { sellerId, productId, price, version, instanceId: tid }, price, version }
      }),
    product: (due) =>
      // A replaced product begins again at its first price, which also keeps prices from rising for ever.
      update('product', due, ({ data }, tid) => ({
        method: 'PUT',
        body: { ...data, version: tid },
        price: data.price,
        version: tid,
      })),
  }
}

type Outcomes = {
  readonly complain: (type: string, reply: Reply) => void
  readonly synchronous: (type: TransactionType, method: Method, path: string, due?: number) => Promise<Reply>
  readonly asynchronous: (
    type: TransactionType,
    ending: ReturnType<MarkFollower['expect']>,
    due: number,
  ) => Promise<string | undefined>
}

/** What became of requests and transactions, told to the ledger. */
function outcomesOf({ door, ledger, now, over, available }: TransactionContext): Outcomes {
  const complain = (type: string, reply: Reply): void => {
    const what =
      reply.kind === 'answer'
        ? `${reply.status}`
        : `${reply.kind} (${(reply.error as { code?: string }).code ?? reply.error.message})`
    ledger.complain(`${type}: ${what}`)
  }

  /** One request whose response is the end of the transaction. */
  const synchronous = async (type: TransactionType, method: Method, path: string, due = now()): Promise<Reply> => {
    const reply = await door.send(method, path)
    const done = isDone(reply)
    if (!done) complain(type, reply)
    if (done && !over()) ledger.finished(type, now() - due)
    else if (!done && !over()) ledger.aborted(type)
    if (reply.kind !== 'answer') await available()
    return reply
  }

  /** Waits for the end of a transaction that was accepted. */
  const asynchronous = async (
    type: TransactionType,
    ending: ReturnType<MarkFollower['expect']>,
    due: number,
  ): Promise<string | undefined> => {
    const mark = await ending
    if (!mark) return undefined
    if (!over()) {
      if (mark.status === 'SUCCESS') ledger.finished(type, mark.at - due)
      else {
        ledger.aborted(type)
        ledger.complain(`${type}: ${mark.status} from ${mark.source}`)
      }
    }
    return mark.status
  }

  return { complain, synchronous, asynchronous }
}

/** A customer's session: fills a cart, and checks it out or seals it. */
function checkoutOf(context: TransactionContext, { complain, asynchronous }: Outcomes): Transactions['checkout'] {
  const { door, ledger, marks, population, idle, now, over, available } = context

  const checkout = async (due?: number): Promise<void> => {
    const plan = context.plan()
    const person = await idle.take()
    try {
      if (over()) return
      await session(person, plan, due)
    } finally {
      idle.giveBack(person)
    }
  }

  const session = async (person: Person, plan: SessionPlan, due?: number): Promise<void> => {
    const path = `/cart/${person.id}`
    const sellers = new Set<number>()
    let added = 0
    for (const { product: index, quantity, voucher } of plan.items) {
      if (over()) return
      const product = population.products[index]!
      const reply = await door.send('PATCH', `${path}/add`, cartItem(product, quantity, voucher))
      if (isDone(reply)) {
        added++
        sellers.add(product.seller)
      } else {
        complain('add', reply)
        if (reply.kind !== 'answer') await available()
      }
    }
    if (added === 0 || over()) return
    if (!plan.checkout) return void (await door.send('PATCH', `${path}/seal`))
    const tid = context.name()
    const ending = marks.expect(tid)
    const body = customerCheckout(person, plan, tid)
    const sent = now()
    let unknown = false
    let reply: Reply
    for (let tries = 0; ; tries++) {
      reply = await door.send('POST', `${path}/checkout`, body)
      unknown ||= reply.kind === 'unknown'
      if (isDone(reply)) break
      complain('checkout', reply)
      if (reply.kind !== 'answer') await available()
      if (tries === RETRIES || over() || (reply.kind === 'unknown' && !context.insist())) break
    }
    if (!isDone(reply)) {
      marks.forget(tid)
      if (unknown) ledger.unknown.add(tid)
      if (!over()) ledger.aborted('checkout')
      return
    }
    ledger.acceptedCheckouts.add(tid)
    const { items = 0, dropped = [] } = JSON.parse(textOf(reply) ?? '{}') as { items?: number; dropped?: unknown[] }
    if (items + dropped.length < added) ledger.shortCheckout(`${tid} holds ${items + dropped.length} of ${added} lines`)
    if (sellers.size < added) ledger.suspects.push({ customer: person.id, tid })
    await asynchronous('checkout', ending, due ?? sent)
  }

  return checkout
}

type Change = (product: TrackedProduct, tid: string) => { method: Method; body: object; price: number; version: string }

/** Updates of products. */
function updateOf(
  context: TransactionContext,
  { complain, asynchronous }: Outcomes,
): (type: 'price' | 'product', due: number | undefined, change: Change) => Promise<void> {
  const { door, ledger, marks, population, now, over, available, sleep = (ms: number) => pause(ms) } = context

  /** Carries out `change` on a product that nobody else is changing. */
  const update = async (type: 'price' | 'product', due: number | undefined, change: Change): Promise<void> => {
    const product = lockProduct(population, context.draw)
    if (!product) {
      // Every product is being updated: with so few of them it is no time for another update.
      ledger.complain(`${type}: no product is free`)
      return sleep(1)
    }
    try {
      const tid = context.name()
      const ending = marks.expect(tid)
      const { method, body, price, version } = change(product, tid)
      const sent = now()
      const reply = await door.send(method, '/product', body)
      if (isDone(reply)) {
        ledger.acceptedUpdates.add(tid)
        track(product.key, { version, price, sent, done: now() })
        const status = await asynchronous(type, ending, due ?? sent)
        if (status !== 'SUCCESS' && status !== undefined) return
        product.price = price
        product.version = version
        return
      }
      marks.forget(tid)
      complain(type, reply)
      if (!over()) ledger.aborted(type)
      if (reply.kind !== 'unknown') return
      // It may have happened: what the product service shows now is what the driver goes on with.
      ledger.unknown.add(tid)
      track(product.key, { version, price, sent, done: Number.POSITIVE_INFINITY })
      await available()
      await refresh(product)
    } finally {
      product.locked = false
    }
  }

  const track = (key: string, entry: { version: string; price: number; sent: number; done: number }): void => {
    const list = ledger.updates.get(key)
    if (list) list.push(entry)
    else ledger.updates.set(key, [entry])
  }

  const refresh = async (product: TrackedProduct): Promise<void> => {
    const shown = await door.get(`/product/${product.seller}/${product.product}`).catch(() => undefined)
    const { price, version } = (shown ?? {}) as { price?: number; version?: string }
    if (price !== undefined) product.price = price
    if (version !== undefined) product.version = version
  }

  return update
}

function isDone(reply: Reply): boolean {
  return reply.kind === 'answer' && reply.status >= 200 && reply.status < 300
}

/** The text of an answer that is a success. */
function textOf(reply: Reply): string | undefined {
  return isDone(reply) && reply.kind === 'answer' ? reply.text : undefined
}

/** The first few draws that are not locked; undefined when luck or products ran out. */
function lockProduct({ products }: Population, draw: TransactionContext['draw']): TrackedProduct | undefined {
  for (let tries = 0; tries < 100; tries++) {
    const product = products[draw().product]!
    if (product.locked) continue
    product.locked = true
    return product
  }
  return undefined
}

function cartItem({ seller, product, data, price, version }: TrackedProduct, quantity: number, voucher: boolean): object {
  return {
    sellerId: seller,
    productId: product,
    productName: data.name,
    unitPrice: price,
    freightValue: data.freightValue,
    quantity,
    voucher: voucher ? Math.round(price * 10) / 100 : 0,
    version,
  }
}

function customerCheckout({ data }: Person, plan: SessionPlan, tid: string): object {
  const card = plan.payment === 'BOLETO' ? {} : cardOf(data)
  return {
    firstName: data.firstName,
    lastName: data.lastName,
    street: data.street || '-',
    complement: data.complement,
    city: data.city || '-',
    state: data.state || '-',
    zipCode: data.zipCode || '-',
    paymentType: plan.payment,
    installments: plan.installments,
    instanceId: tid,
    ...card,
  }
}

/** The card as the customer would type it: the service shows only its last digits, so the others are made up. */
function cardOf(data: Person['data']): object {
  const lastDigits = data.cardNumber.replaceAll(/\D/g, '').slice(-4).padStart(4, '0')
  return {
    cardNumber: `400000000000${lastDigits}`,
    cardHolderName: data.cardHolderName || `${data.firstName} ${data.lastName}`,
    cardExpiration: data.cardExpiration || '1230',
    cardSecurityNumber: '123',
    cardBrand: data.cardBrand ?? 'VISA',
  }
}
