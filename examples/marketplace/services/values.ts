/**
 * The marketplace's common words: the values that travel in several contracts. Money is a number with
 * two decimals wherever it travels; inside the services it is whole cents, so that sums are exact.
 */
import { SECRET } from 'dure/contract'
import { z } from 'zod'

export const Id = z.int().min(0).max(2_147_483_647)
/** An amount of money, with at most two decimals. */
export const Money = z.number().min(0).max(1_000_000_000).multipleOf(0.01)
/** A moment, ISO 8601 in UTC. */
export const Moment = z.iso.datetime()
/** Names one business transaction; chosen by who starts it. */
export const InstanceId = z.string().min(1).max(64)
export const Version = z.string().min(1).max(64)
export const Quantity = z.int().min(0).max(1_000_000_000)
export const Text = z.string().max(200)

export const OrderStatus = z.enum([
  'CREATED',
  'PROCESSING',
  'APPROVED',
  'CANCELED',
  'UNAVAILABLE',
  'INVOICED',
  'READY_FOR_SHIPMENT',
  'IN_TRANSIT',
  'DELIVERED',
  'PAYMENT_FAILED',
  'PAYMENT_PROCESSED',
])
export const PaymentType = z.enum(['CREDIT_CARD', 'BOLETO', 'VOUCHER', 'DEBIT_CARD'])
export const CardBrand = z.enum(['MASTER_CARD', 'VISA', 'AMERICAN_EXPRESS'])
export const ItemStatus = z.enum(['UNAVAILABLE', 'OUT_OF_STOCK', 'PRICE_DIVERGENCE', 'IN_STOCK'])
export const ShipmentStatus = z.enum(['approved', 'delivery_in_progress', 'concluded'])
export const PackageStatus = z.enum(['shipped', 'delivered'])

export const ProductKey = z.object({ sellerId: Id, productId: Id })

/** A line of a cart. `voucher` is an amount off the whole line. */
export const CartItem = z.object({
  sellerId: Id,
  productId: Id,
  productName: Text,
  unitPrice: Money,
  freightValue: Money,
  quantity: z.int().max(1_000_000),
  voucher: Money.default(0),
  version: Version,
})

/** What became of a line that was asked for. */
export const ProductStatus = z.object({ sellerId: Id, productId: Id, status: ItemStatus })

/** Who receives an order, and where. */
export const Recipient = z.object({
  customerId: Id,
  firstName: Text.min(1),
  lastName: Text.min(1),
  street: Text.min(1),
  complement: Text.default(''),
  city: Text.min(1),
  state: Text.min(1),
  zipCode: z.string().min(1).max(20),
})

/** A customer who checks out, as other services learn it: without the card's security number, which is never kept. */
export const CheckoutCustomer = Recipient.extend({
  paymentType: PaymentType,
  cardNumber: z.string().max(32).default('').meta(SECRET),
  cardHolderName: Text.default(''),
  /** MMyy */
  cardExpiration: z.string().max(7).default(''),
  cardBrand: CardBrand.optional(),
  installments: z.int().min(0).max(48).default(0),
})

/** A line of an order, with its totals. */
export const OrderItem = z.object({
  orderItemId: z.int(),
  sellerId: Id,
  productId: Id,
  productName: Text,
  unitPrice: Money,
  quantity: Quantity,
  freightValue: Money,
  /** Price times quantity. */
  totalItems: Money,
  /** What the voucher takes off, never more than the line is worth. */
  totalIncentive: Money,
  /** After the voucher. */
  totalAmount: Money,
})

/** Which part of a list: `after` is the `next` of the part before. */
export const Page = z.object({
  after: z
    .string()
    .max(64)
    .regex(/^\d+(\/\d+)*$/, 'Expected the "next" of an earlier part')
    .optional(),
  limit: z.int().min(1).max(500).default(100),
})

/** One part of a list; there is more while there is a `next`. */
export function pageOf<Item extends z.ZodType>(
  item: Item,
): z.ZodObject<{ items: z.ZodArray<Item>; next: z.ZodOptional<z.ZodString> }> {
  return z.object({ items: z.array(item), next: z.string().optional() })
}

/** How many of a batch were new; those that were there already are left as they are. */
export const Added = z.object({ added: z.int() })

export type CartItem = z.output<typeof CartItem>
export type ProductStatus = z.output<typeof ProductStatus>
export type Recipient = z.output<typeof Recipient>
export type CheckoutCustomer = z.output<typeof CheckoutCustomer>
export type OrderItem = z.output<typeof OrderItem>
export type OrderStatus = z.output<typeof OrderStatus>
export type ItemStatus = z.output<typeof ItemStatus>
export type ShipmentStatus = z.output<typeof ShipmentStatus>
export type PackageStatus = z.output<typeof PackageStatus>
