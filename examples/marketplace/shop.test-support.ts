import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'dure/call'
import { sqlite } from 'dure/data'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { start, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Audit } from './services/audit/contract.ts'
import { Cart } from './services/cart/contract.ts'
import { Customer } from './services/customer/contract.ts'
import { Order } from './services/order/contract.ts'
import type { CheckoutForm } from './services/order/service.ts'
import { Payment } from './services/payment/contract.ts'
import type { Charge, Outcome, PaymentProvider } from './services/payment/domain/provider.ts'
import { Product } from './services/product/contract.ts'
import { Seller } from './services/seller/contract.ts'
import { Shipment } from './services/shipment/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { marketplace } from './system.ts'

/** A provider that answers as the test wants, and tells what it was asked. */
export function fakeProvider(
  decide: (charge: Charge) => Outcome = () => ({ status: 'succeeded' }),
): PaymentProvider & { charges: Charge[] } {
  const charges: Charge[] = []
  return {
    charges,
    charge: async (charge) => {
      charges.push(charge)
      return decide(charge)
    },
    forget: async () => void (charges.length = 0),
  }
}

export type Shop = {
  readonly running: Running
  readonly broker: Broker
  readonly directory: string
  readonly cart: Client<typeof Cart>
  readonly order: Client<typeof Order>
  readonly stock: Client<typeof Stock>
  readonly payment: Client<typeof Payment>
  readonly shipment: Client<typeof Shipment>
  readonly seller: Client<typeof Seller>
  readonly customer: Client<typeof Customer>
  readonly product: Client<typeof Product>
  readonly audit: Client<typeof Audit>
  /** Waits until nothing is on its way any more. */
  readonly quiet: () => Promise<void>
}

type ShopOptions = {
  readonly provider?: PaymentProvider
  readonly readModel?: boolean
  readonly insight?: boolean
  readonly checkout?: CheckoutForm
}

/** Runs `work` with a marketplace on a folder of its own, then stops it and removes the folder. */
export async function withShop(work: (shop: Shop) => Promise<void>, options: ShopOptions = {}): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-'))
  try {
    await withShopIn(directory, work, options)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export async function withShopIn(
  directory: string,
  work: (shop: Shop) => Promise<void>,
  options: ShopOptions = {},
): Promise<void> {
  let broker: Broker | undefined
  const system = marketplace({
    ...options,
    provider: options.provider ?? fakeProvider(),
    readModel: options.readModel === true,
    // What a power cut would take is not asked here, and a flush of the disk a commit would be most of the time.
    database: sqlite({ durability: 'process' }),
    broker: async (world) => (broker = await embeddedBroker({ durability: 'process' })(world)),
  })
  const running = await start(system, { directory, log: silentLogger() })
  try {
    await work({
      running,
      broker: broker!,
      directory,
      cart: running.client(Cart),
      order: running.client(Order),
      stock: running.client(Stock),
      payment: running.client(Payment),
      shipment: running.client(Shipment),
      seller: running.client(Seller),
      customer: running.client(Customer),
      product: running.client(Product),
      audit: running.client(Audit),
      quiet: async () => {
        while (!(await running.status()).quiet) await sleep(5)
      },
    })
  } finally {
    await running.stop()
  }
}

export const ADDRESS = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }

/** Puts products 1 to `count` of seller 1 on sale: `10 + id` each, freight 1, `supply` pieces. */
export async function offer(shop: Shop, count: number, supply = 100): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => i + 1)
  await shop.product.addAll({
    items: ids.map((id) => ({ sellerId: 1, productId: id, name: `Thing ${id}`, price: 10 + id, freightValue: 1 })),
  })
  await shop.stock.putAll({ items: ids.map((id) => ({ sellerId: 1, productId: id, qtyAvailable: supply })) })
  await shop.quiet()
}

/** What a customer adds of a product offered. */
export const itemOf = (
  productId: number,
  more: Partial<{ quantity: number; voucher: number; unitPrice: number; version: string }> = {},
) => ({
  sellerId: 1,
  productId,
  productName: `Thing ${productId}`,
  unitPrice: 10 + productId,
  freightValue: 1,
  quantity: 1,
  version: '0',
  ...more,
})

/** Fills a cart, checks it out and waits for the end. */
export async function buy(
  shop: Shop,
  customerId: number,
  tid: string,
  items: readonly ReturnType<typeof itemOf>[],
): Promise<void> {
  for (const item of items) await shop.cart.add({ customerId, ...item })
  await shop.cart.checkout({ customerId, ...ADDRESS, paymentType: 'BOLETO', instanceId: tid })
  await shop.quiet()
}
